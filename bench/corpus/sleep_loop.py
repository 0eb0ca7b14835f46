# expect: async io
"""Waits by the clock, as whoever is asked not to hurry a server does."""
import time


def items():
    return range(40)


def task(number):
    time.sleep(0.03)  # hot
    return number


async def atask(number):
    import asyncio
    await asyncio.sleep(0.03)
    return number


if __name__ == "__main__":
    for number in items():
        task(number)
