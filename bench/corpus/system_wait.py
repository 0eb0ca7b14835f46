# expect: async io
"""os.system, command after command."""
import os


def items():
    return range(20)


def task(number):
    return os.system("sleep 0.05")  # hot


async def atask(number):
    import asyncio
    child = await asyncio.create_subprocess_shell("sleep 0.05")
    return await child.wait()


if __name__ == "__main__":
    for number in items():
        if task(number):
            raise SystemExit(1)
