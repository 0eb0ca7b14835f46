"""Tasks that do next to nothing, in Python's own pools: the counterpart of lib/tasks.

usage: processes_tasks.py pool|executor WORKERS map|default|trip|large|first COUNT

map: chunks of one; default: the chunks that the pool makes by itself; trip: one task in flight;
large: results of 1 MiB; first: open a pool, run one task, close it, COUNT times.
"""
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def give_back(number):
    return number


def fill(number):
    return bytes([number % 256]) * (1 << 20)


def open_pool(kind, workers):
    return Pool(workers) if kind == "pool" else ProcessPoolExecutor(workers)


def run_one(kind, pool):
    if kind == "pool":
        return pool.apply(give_back, (1,))
    return pool.submit(give_back, 1).result()


def work(kind, pool, what, count):
    if what == "trip":
        for _ in range(count):
            run_one(kind, pool)
    elif what == "large":
        results = pool.imap_unordered(fill, range(count)) if kind == "pool" else pool.map(fill, range(count))
        for result in results:
            assert len(result) == 1 << 20
    elif what == "default":
        assert len(list(pool.map(give_back, range(count)))) == count
    else:
        assert len(list(pool.map(give_back, range(count), chunksize=1))) == count


def main():
    kind, workers, what, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    begin = time.perf_counter()
    if what == "first":
        for _ in range(count):
            with open_pool(kind, workers) as pool:
                run_one(kind, pool)
        print(f"Duration {time.perf_counter() - begin:.9f} seconds")
        return
    with open_pool(kind, workers) as pool:
        for _ in range(100):
            run_one(kind, pool)
        begin = time.perf_counter()
        work(kind, pool, what, count)
        print(f"Duration {time.perf_counter() - begin:.9f} seconds")


if __name__ == "__main__":
    main()
