# expect: threads cpu
"""NumPy over large arrays, which it does without the GIL."""
import numpy

DATA = numpy.linspace(0, 100, 2_000_000)


def items():
    return range(80)


def task(number):
    return float(numpy.sin(DATA * number).sum())  # hot


async def atask(number):
    return task(number)


if __name__ == "__main__":
    results = [task(number) for number in items()]
