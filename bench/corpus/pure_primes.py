# expect: processes cpu
"""Prime numbers, by trial."""


def items():
    return range(1_000_000, 1_000_000 + 24 * 400, 400)


def task(start):
    found = 0
    for number in range(start, start + 3000):
        divisor = 2
        while divisor * divisor <= number and number % divisor:  # hot
            divisor += 1
        found += divisor * divisor > number
    return found


async def atask(start):
    return task(start)


if __name__ == "__main__":
    print(sum(task(start) for start in items()))
