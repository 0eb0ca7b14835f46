# expect: sync neither
"""One long computation, each step of which needs the one before."""


def main():
    value = 1
    for _ in range(9_000_000):
        value = (value * 1103515245 + 12345) % 2147483648  # hot
    print(value)


if __name__ == "__main__":
    main()
