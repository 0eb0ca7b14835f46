"""Very many waits, in four threads and in hundreds of functions; prints when it ended, by the monotonic clock in
nanoseconds, and the peak of its parent's memory in kilobytes."""
import os
import re
import threading
import time


def short():
    time.sleep(0.00005)


def work():
    for _ in range(15000):
        short()


def functions():
    for n in range(300):
        exec(f"def f{n}(x):\n  return g{n}(x)\n"
             f"def g{n}(x):\n  import time; time.sleep(0.0002); return x\n"
             f"for i in range(20): f{n}(i)", {})


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
functions()
with open(f"/proc/{os.getppid()}/status", encoding="ascii") as status:
    peak = int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])
print(time.monotonic_ns(), peak, flush=True)
