# expect: processes cpu
# because: pickling.* is large
"""Processes that are given a lot, and do little with it."""
from concurrent.futures import ProcessPoolExecutor


def task(rows):
    return rows[0] + rows[-1]


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(task, [list(range(150000))] * 60)))
