# expect: threads io
# because: It has 3 threads and they are too few
"""Pages, by a pool of threads that is too small; or by as many as an argument says."""
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

URL = sys.argv[1]
WORKERS = int(sys.argv[2]) if len(sys.argv) > 2 else 3


def task(number):
    with urllib.request.urlopen(f"{URL}{number}") as page:  # hot
        return len(page.read())


with ThreadPoolExecutor(WORKERS) as pool:
    print(sum(pool.map(task, range(90))))
