# expect: sync any
"""Over before anything could be gained."""
import time


def items():
    return range(3)


def task(number):
    time.sleep(0.005)  # hot


async def atask(number):
    import asyncio
    await asyncio.sleep(0.005)


if __name__ == "__main__":
    for number in items():
        task(number)
