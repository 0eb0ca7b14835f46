# expect: threads cpu
"""Compressed buffers, by zlib."""
import zlib

DATA = b"".join(b"%d " % (n * n) for n in range(200000))


def items():
    return range(8)


def task(number):
    return len(zlib.compress(DATA))  # hot


async def atask(number):
    return task(number)


def main():
    return sum(task(number) for number in items())


if __name__ == "__main__":
    main()
