"""20 sums of squares, one after the other."""

import time


def cpu_bound(number):
    return sum(i * i for i in range(number))


def find_sums(numbers):
    return [cpu_bound(number) for number in numbers]


if __name__ == "__main__":
    numbers = [5_000_000 + x for x in range(20)]
    start_time = time.time()
    sums = find_sums(numbers)
    duration = time.time() - start_time
    for number, total in zip(numbers, sums):
        print(f"Sum {total} below {number}")
    print(f"Duration {duration} seconds")
