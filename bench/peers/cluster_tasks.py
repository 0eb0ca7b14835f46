"""Tasks that do next to nothing, in mpi4py's pool: the counterpart of lib/tasks.

usage: mpirun -n 3 python3 -m mpi4py.futures cluster_tasks.py map|default|trip|large COUNT
"""
import sys
import time

from mpi4py.futures import MPIPoolExecutor


def give_back(number):
    return number


def fill(number):
    return bytes([number % 256]) * (1 << 20)


def work(pool, what, count):
    if what == "trip":
        for _ in range(count):
            pool.submit(give_back, 1).result()
    elif what == "large":
        for result in pool.map(fill, range(count), unordered=True):
            assert len(result) == 1 << 20
    elif what == "default":
        assert len(list(pool.map(give_back, range(count), chunksize=64))) == count
    else:
        assert len(list(pool.map(give_back, range(count)))) == count


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    with MPIPoolExecutor() as pool:
        for _ in range(100):
            pool.submit(give_back, 1).result()
        begin = time.perf_counter()
        work(pool, what, count)
        print(f"Duration {time.perf_counter() - begin:.9f} seconds", flush=True)


if __name__ == "__main__":
    main()
