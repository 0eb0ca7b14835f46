# expect: processes cpu
"""A recursive function, called some times."""


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)  # hot


def items():
    return [26] * 20


def task(n):
    return fib(n)


async def atask(n):
    return fib(n)


def main():
    for n in items():
        fib(n)


if __name__ == "__main__":
    main()
