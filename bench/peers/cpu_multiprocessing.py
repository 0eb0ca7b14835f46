"""20 sums of squares, as many at a time as there are cores."""

import multiprocessing
import os
import time


def cpu_bound(number):
    return sum(i * i for i in range(number))


def find_sums(numbers):
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        return pool.map(cpu_bound, numbers)


if __name__ == "__main__":
    numbers = [5_000_000 + x for x in range(20)]
    start_time = time.time()
    sums = find_sums(numbers)
    duration = time.time() - start_time
    for number, total in zip(numbers, sums):
        print(f"Sum {total} below {number}")
    print(f"Duration {duration} seconds")
