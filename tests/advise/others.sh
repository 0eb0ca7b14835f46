#!/bin/sh
# Programs that are not Python's: the best that can be measured, and a plain word on what could not.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

advise -- "$WAITS"
[ "$code" -eq 5 ] || fail "exit code $code, not 5"
holds '.waits.sleep >= 0.4 and .cpu_seconds > 0'
[ -s out ] || fail 'its output did not pass'

advise -- "$STATIC"
[ "$code" -eq 0 ] || fail "static: exit code $code"
holds '.recommendation.model == "sync" and any(.notes[]; contains("linked statically"))'

# A script that runs Python: the program in Python is what is advised.
cat >loop.py <<'END'
import time

def task(n):
    time.sleep(0.02)

for n in range(30):
    task(n)
END
advise -- sh -c "\"$python\" loop.py; exit 3"
[ "$code" -eq 3 ] || fail "by sh: exit code $code"
holds '.unit.function == "task" and .unit.count == 30'
finish
