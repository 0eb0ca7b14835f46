# expect: measured any
"""Files that must be on the disk: one fsync each."""
import os
import tempfile

FOLDER = tempfile.mkdtemp()


def items():
    return range(3000)


def task(number):
    path = os.path.join(FOLDER, str(number))
    with open(path, "wb") as file:
        file.write(b"x" * 4096)
        os.fsync(file.fileno())  # hot
    os.unlink(path)


async def atask(number):
    import asyncio
    await asyncio.to_thread(task, number)


if __name__ == "__main__":
    for number in items():
        task(number)
    os.rmdir(FOLDER)
