#!/bin/sh
# shellcheck disable=SC2016 # what is quoted is for others than this shell
# Programs that are concurrent already: what they have, and what holds them back.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# Too few threads.
cat >few.py <<'END'
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from patience import patient

EACH = patient(0.03)
all_there = threading.Event()

def task(n):
    all_there.wait()
    time.sleep(EACH)

with ThreadPoolExecutor(3) as pool:
    results = pool.map(task, range(90))
    all_there.set()
    list(results)
END
advise -- "$python" few.py
holds '.recommendation.model == "threads" and .recommendation.workers > 3'
holds '.recommendation.reason | contains("3 threads and they are too few")'
holds '.unit.function == "task" and .unit.count == 90 and .waits.sleep > 2.5'
# Each thread by itself: three that sleep, and one that waits for these.
holds '[.threads[] | select(.waits.sleep > 0.5 and .wall_seconds >= .waits.sleep)] | length == 3'
holds '[.threads[] | select(.thread == .process)] | length == 1 and .[0].idle_seconds > 0.5'
holds '([.threads[].waits.sleep] | add) as $sum | ($sum - .waits.sleep | fabs) < 0.01'
says err 'thread [0-9]* .* sleep'

# An event loop that one line holds up.
cat >blocked.py <<'END'
import asyncio
import time
from patience import patient

EACH = patient(0.03)

async def task(n):
    await asyncio.sleep(0.02)
    time.sleep(EACH)

async def main():
    await asyncio.gather(*[task(n) for n in range(30)])

asyncio.run(main())
END
advise -- "$python" blocked.py
holds '.recommendation.model == "async" and (.recommendation.reason | contains("line 9 of blocked.py"))'
# All of them would wait there at once, and as many do as there are threads.
holds '.recommendation.reason | capture("With (?<n>[0-9]+) of its tasks there .* about (?<after>[0-9.]+) s instead of (?<before>[0-9.]+) s")
    | (.n | tonumber) > 4 and (.after | tonumber) < (.before | tonumber) - 0.5'

# One task that holds up the loop itself, in each of its turns.
cat >alone.py <<'END'
import asyncio
import time
from patience import patient

EACH = patient(0.03)

async def main():
    for n in range(30):
        time.sleep(EACH)
        await asyncio.sleep(0.001)

asyncio.run(main())
END
advise -- "$python" alone.py
holds '.recommendation.reason | contains("line 9 of alone.py") and contains("One task alone")'

# One that many short pieces of computing hold up, in a loop of the function itself.
cat >pieces.py <<'END'
import asyncio

async def task(n):
    await asyncio.sleep(0.001)
    total = 0
    for i in range(9000):
        total += i * i
    return total

async def main():
    for _ in range(5):
        await asyncio.gather(*[task(n) for n in range(180)])

asyncio.run(main())
END
advise -- "$python" pieces.py
holds '.recommendation.model == "async" and (.recommendation.reason | test("held up .* by task\\(\\) at line [67] of pieces.py, which computes"))'

# Threads that compute in Python stand in each other's way.
cat >gil.py <<'END'
from concurrent.futures import ThreadPoolExecutor

def task(n):
    return sum(i * i for i in range(400000))

with ThreadPoolExecutor(4) as pool:
    list(pool.map(task, range(40)))
END
advise -- "$python" gil.py
holds '.waits.gil > 0.5 and .bound == "cpu"'
if [ "$(nproc)" -gt 1 ]; then
    holds '.recommendation.model == "processes" and (.recommendation.reason | contains("GIL"))'
fi

# Processes that are given one tiny task at a time. ThreadSanitizer makes the command so slow that it looks at them 27 times
# in half a minute: not there.
if [ "${SANITIZE-}" != thread ]; then
cat >tiny.py <<'END'
from multiprocessing import Pool

def task(n):
    return n * n

if __name__ == "__main__":
    with Pool(2) as pool:
        pool.map(task, range(30000), chunksize=1)
END
advise -- "$python" tiny.py
holds '.recommendation.model == "processes" and (.recommendation.reason | contains("pickling") and contains("chunksize"))'
holds 'any(.notes[]; contains("without processes"))'
says err "Bound by .*start and supply"
fi

# Processes that are given a lot.
cat >large.py <<'END'
from multiprocessing import Pool

def task(data):
    return data[0]

if __name__ == "__main__":
    data = list(range(200000))
    with Pool(2) as pool:
        pool.map(task, [data] * 40, chunksize=1)
END
advise -- "$python" large.py
holds '.recommendation.reason | contains("pickling") and contains("large")'

# A process for each task.
cat >starts.py <<'END'
from multiprocessing import Process

def task(n):
    return n

if __name__ == "__main__":
    for n in range(200):
        process = Process(target=task, args=(n,))
        process.start()
        process.join()
END
advise -- "$python" starts.py
holds '.recommendation.reason | contains("Starting processes") and contains("it starts 200")'

# Processes that have enough to do are let be.
cat >enough.py <<'END'
from multiprocessing import Pool

def task(n):
    return sum(i * i for i in range(300000))

if __name__ == "__main__":
    with Pool(2) as pool:
        pool.map(task, range(24), chunksize=1)
END
advise -- "$python" enough.py
holds '.recommendation.model == "processes" and (.recommendation.reason | contains("holds it back") | not)'

# Threads that take what there is to do out of a queue: what each does once is no unit, and says nothing of how many to have.
cat >takes.py <<'END'
import queue
import threading
import time

tasks = queue.Queue()

def worker():
    while tasks.get() is not None:
        time.sleep(0.05)

workers = [threading.Thread(target=worker) for _ in range(3)]
for thread in workers:
    thread.start()
for n in range(60):
    tasks.put(n)
for thread in workers:
    tasks.put(None)
for thread in workers:
    thread.join()
END
advise -- "$python" takes.py
holds '.recommendation | .model == "threads" and .workers == 3 and (.reason | contains("more of them overlap more"))'
finish
