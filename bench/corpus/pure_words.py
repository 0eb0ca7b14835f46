# expect: processes cpu
"""Words counted, text by text."""
TEXT = "the quick brown fox jumps over the lazy dog and runs away " * 6000


def items():
    return range(40)


def task(number):
    counts = {}
    for word in TEXT.split():
        counts[word + str(number)] = counts.get(word + str(number), 0) + 1  # hot
    return len(counts)


async def atask(number):
    return task(number)


def main():
    texts = iter(items())
    results = []
    while (number := next(texts, None)) is not None:
        results.append(task(number))


if __name__ == "__main__":
    main()
