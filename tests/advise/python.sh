#!/bin/sh
# shellcheck disable=SC2016 # what is quoted is for others than this shell
# What is found out about programs in Python: small ones of the corpus, and shapes that it has not.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"
: "${CORPUS:?}"

# hot PROGRAM: the line that is marked so.
hot() {
    grep -n '# hot$' "$1" | head -n 1 | cut -d : -f 1
}

# A program that sleeps: where, how often, what to do, what it gains.
program=$(patiently "$CORPUS/sleep_loop.py" 0.03 0.03)
advise -- "$python" "$program"
[ "$code" -eq 0 ] || fail "exit code $code"
holds '.recommendation.model == "async" and .bound == "io"'
holds '.recommendation.replace == [{"from": "time.sleep", "to": "asyncio.sleep"}]'
holds ".where[0].line == $(hot "$program") and .where[0].kind == \"sleep\" and .where[0].function == \"task\""
holds '.unit.count == 40 and .unit.function == "task"'
holds '.unit.wait_seconds_each >= 0.03 and (40 * .unit.wait_seconds_each / .waits.sleep - 1 | fabs) < 0.01'
holds '.waits.sleep >= 1.2'
holds '[.predictions[] | select(.model == "threads") | .workers] | contains([2, 4, 8, 16, 32])'
holds '[.predictions[] | select(.model == "async") | .workers] | contains([4, 8, 16, 32, 100])'
holds '[.predictions[] | select(.model == "processes") | .workers] | contains([2, 4, 8, 16, 32])'
holds '.recommendation as $r | any(.predictions[]; .model == $r.model and .workers == $r.workers)'
says err 'asyncio.Semaphore'
says err 'one(number) for number in items()'

# One that computes, in Python: processes, where there are cores for them.
advise -- "$python" "$CORPUS/pure_squares.py"
holds ".where[0].line == $(hot "$CORPUS/pure_squares.py") and .where[0].kind == \"cpu\""
holds '.bound == "cpu" and (.unit.count == 16 or (.unit.at_least and .unit.count < 16))'
if [ "$(nproc)" -gt 1 ]; then
    holds '.recommendation.model == "processes"'
    says err 'ProcessPoolExecutor'
fi

# One that computes in C, without the GIL: threads.
advise -- "$python" "$CORPUS/zlib_buffers.py"
holds ".bound == \"cpu\" and .where[0].line == $(hot "$CORPUS/zlib_buffers.py")"
[ "$(nproc)" -eq 1 ] || holds '.recommendation.model == "threads"'

# Each step needs the one before: it should stay as it is.
advise -- "$python" "$CORPUS/one_piece.py"
holds '.recommendation.model == "sync" and .bound == "neither" and .unit == null'

# Commands that sleep are waited for; the program's own lines are named.
# They sleep for longer than this may be without a processor meanwhile: what is over before it is waited for is not seen.
program=$(patiently "$CORPUS/subprocess_wait.py" 0.05 0.2)
advise -- "$python" "$program"
holds ".where[0].line == $(hot "$program") and .where[0].kind == \"child\""
holds '.unit.count == 20 and .recommendation.model == "async"'

# What is computed before a short wait is computed where it is, and not where the wait is.
cat >before.py <<'END'
import time

def compute(n):
    total = 0
    for i in range(80000):
        total += i * n
    return total

def send(n):
    time.sleep(0.001)

for n in range(400):
    compute(n)
    send(n)
END
advise -- "$python" before.py
holds '[.where[] | select(.kind == "cpu")] | ([.[] | select(.function == "compute") | .seconds] | add) > 5 * ([.[] | select(.line == 10) | .seconds] | add // 0)'

# A call that never sleeps waits for nothing, however long it takes: here the kernel frees memory in it, and may sleep for
# microseconds before it has the lock for that.
cat >truncates.py <<'END'
import os
import tempfile
import time

with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
    time.sleep(0.01)
    for n in range(10):
        os.posix_fallocate(file.fileno(), 0, 16 << 20)
        os.close(os.open(file.name, os.O_WRONLY | os.O_TRUNC))
END
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ]; then
    advise -- "$python" truncates.py
    [ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
    holds '([.where[] | select(.line == 9 and .kind == "disk") | .seconds] | add // 0) < 0.001 and .waits.sleep >= 0.01'
fi

# Loops of other shapes are counted all the same.
cat >shapes.py <<'END'
import time

def task(n):
    time.sleep(0.005)
    return n

class Shapes:
    def method(self, n):
        return task(n)

    def run(self):
        return {n: self.method(n) for n in range(30)}

def numbers():
    for n in range(30):
        yield n

Shapes().run()
END
advise -- "$python" shapes.py
holds '.unit.count == 30'
sed -i 's/^Shapes().run()/total = sum(task(n) for n in numbers())/' shapes.py
advise -- "$python" shapes.py
holds '.unit.count == 30'
sed -i 's/^total.*/n = 0\nwhile n < 30:\n    task(n)\n    n += 1/' shapes.py
advise -- "$python" shapes.py
holds '.unit.count == 30 and .unit.function == "task"'
sed -i 's/^while.*/for outer in range(3):\n  for inner, value in enumerate(range(10)):/; s/^    task(n)/    task(inner)/; s/^    n += 1//' shapes.py
advise -- "$python" shapes.py
holds '.unit.count == 30 or .unit.count == 3'

# What a library makes while it runs has no file, and is not the user's: the line that calls it is.
cat >generates.py <<'END'
import sys

names = {}
exec(compile("def total(n):\n    return sum(i * i for i in range(n))\n", "<made up>", "exec"), names)

def task(n):
    return names["total"](100000 * int(sys.argv[1]))

print(sum(task(n) for n in range(20)))
END
often_enough 10 -- "$python" generates.py
holds '.where[0].line == 7 and .where[0].function == "task" and all(.where[]; .file != "<made up>" or .share < 0.01)'

# What Python's start takes is in no line of the user's, and is not told as one.
advise -- "$python" loop.py 5
holds '.where[0].line == 5 and all(.where[]; .file | startswith("<frozen") or contains("/lib/python3") | not)'

# What speaks against it is said.
cat >shared.py <<'END'
import time
total = 0

def task(n):
    global total
    time.sleep(0.02)
    total += n

for n in range(20):
    task(n)
END
advise -- "$python" shared.py
holds 'any(.notes[]; contains("changes total"))'
cat >chained.py <<'END'
import time

def step(x):
    time.sleep(0.02)
    return x + 1

x = 0
for n in range(20):
    x = step(x)
END
advise -- "$python" chained.py
holds 'any(.notes[]; contains("gave back"))'

# A library's function in a loop whose turns may need each other: it is not the reader's to change, and he is told.
cat >pages.py <<'END'
import subprocess

page = 0
while page < 30:
    subprocess.run(["sleep", "0.05"], check=True)
    page += 1
END
advise -- "$python" pages.py
holds '.recommendation.model == "async" and (.recommendation.reason | contains("(), called at line 5 of pages.py, waits"))'
holds 'any(.notes[]; contains("called in a `while` loop"))'
says err 'what line 5 does with one item'
! grep -q 'def run' err || fail "the sketch has a library's function: $(cat err)"
sed -i 's/^while page < 30/for page in range(30)/; /page += 1/d' pages.py
advise -- "$python" pages.py
holds 'all(.notes[]; contains("while") | not)'

# A method is called on what it is called on now.
cat >method.py <<'END'
import time

class Job:
    def work(self, n):
        time.sleep(0.03)

    def all(self):
        for n in range(30):
            self.work(n)

Job().all()
END
advise -- "$python" method.py
says err 'return await self.work(n)'
finish
