# expect: processes cpu
"""Sums of squares, as many tutorials have them."""


def items():
    return [1_000_000 + x for x in range(16)]


def task(number):
    return sum(i * i for i in range(number))  # hot


async def atask(number):
    return task(number)


def find_sums(numbers):
    for number in numbers:
        task(number)


if __name__ == "__main__":
    find_sums(items())
