#!/bin/sh
# Loops at a module's level over whatever can be iterated over, one wait in each turn: all of their turns are counted.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# iterates ITERABLE [TARGET]: 24 turns, each with another value.
iterates() {
    cat >iterates.py <<END
import collections
import csv
import io
import itertools
import time

def some():
    for n in range(24):
        yield n, -n

turns = 0
for ${2:-item} in $1:
    time.sleep(0.01)
    turns += 1
    if turns == 24:
        break
END
    advise -- "$python" iterates.py
    [ "$code" -eq 0 ] || fail "$1: exit code $code: $(cat err)"
    holds '.unit.line == 12 and .unit.count == 24 and .unit.function == null'
}

# Those that count, from wherever they begin: no turn is missed.
for iterable in 'itertools.count()' 'itertools.count(1000)' 'set(range(24))' 'reversed(range(24))' 'reversed([*range(24)])' \
    'dict.fromkeys(range(24))'; do
    iterates "$iterable"
    holds '.unit.at_least | not'
done
iterates 'enumerate([*range(24)], 1000)' 'n, item'
holds '.unit.at_least | not'
iterates 'enumerate(io.StringIO("a line\n" * 24))' 'n, line'
holds '.unit.at_least | not'

# Those that do not tell where they are: what a turn sets does.
for iterable in 'itertools.count(0, 5)' 'itertools.cycle(range(30))' 'some()' 'collections.deque(range(24))' \
    'io.StringIO("".join("line %d\n" % n for n in range(24)))'; do
    iterates "$iterable"
done
iterates 'csv.reader("the same,%d\n" % n for n in range(24))' 'name, number'

# A loop in C, which calls a function for each item that map has.
cat >maps.py <<'END'
import time

def task(item):
    time.sleep(0.01)
    return item

print(sum(map(task, range(24))))
END
advise -- "$python" maps.py
holds '.unit.function == "task" and .unit.count == 24 and .unit.line == 7'
says err 'for item in range(24)'

# One that is over is no loop of what comes after it.
cat >after.py <<'END'
import time

def task():
    time.sleep(0.01)

print(max("12", key=int), list(map(int, "123")))
turns = 0
while turns < 24:
    task()
    turns += 1
END
advise -- "$python" after.py
holds '.unit.function == "task" and .unit.count == 24'
finish
