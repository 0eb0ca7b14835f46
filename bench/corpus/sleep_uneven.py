# expect: async io
"""Waits of very different lengths: the longest of them is what remains."""
import time


def items():
    return [0.4 if n == 3 else 0.01 * (n % 5 + 1) for n in range(30)]


class Worker:
    def wait(self, length):
        time.sleep(length)  # hot


def task(length):
    Worker().wait(length)


async def atask(length):
    import asyncio
    await asyncio.sleep(length)


def run(lengths):
    worker = Worker()
    for length in lengths:
        worker.wait(length)


if __name__ == "__main__":
    run(items())
