# expect: threads cpu
"""Checksums of large buffers: hashlib lets the GIL go."""
import hashlib

DATA = bytes(8 << 20)


def items():
    return range(150)


def task(number):
    return hashlib.sha256(DATA).hexdigest()  # hot


async def atask(number):
    return task(number)


if __name__ == "__main__":
    for number in items():
        task(number)
