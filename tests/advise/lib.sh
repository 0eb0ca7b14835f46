#!/bin/sh
# shellcheck shell=sh disable=SC2034 # those who source this use what is set here
# What the tests of `overlap advise` share, beside those of the command.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"
: "${SCHEMA_CHECK:?}" "${SCHEMA:?}"
python=$(command -v /usr/bin/python3 || command -v python3) || { echo "there is no python3"; exit 77; }

# advise ARGUMENT...: runs it; the document goes to ./document, the exit code to $code.
advise() {
    rm -f document
    "$OVERLAP" advise --output document "$@" >out 2>err </dev/null
    code=$?
    [ -s document ] || { fail "advise $*: no document: $(cat err)"; echo '{}' >document; }
    "$SCHEMA_CHECK" "$SCHEMA" <document || fail "advise $*: not what the schema says: $(cat document)"
}

# begin COMMAND...: runs it beside, as $program, from when it has written its first line.
begin() {
    [ -p ready ] || mkfifo ready
    "$@" >ready 2>/dev/null </dev/null &
    program=$!
    read -r _ <ready
}

# kill_program: the one that was begun.
kill_program() {
    kill -KILL "$program"
    wait "$program" 2>/dev/null
    program=
}

# holds EXPRESSION: of jq, over the document.
holds() {
    jq -e "$1" document >/dev/null || fail "not so: $1, in $(jq -c . document)"
}

# often_enough LOOKS ARGUMENT...: as advise, with more and more work until it was looked at so often where it computes, as
# the document says: on a busy machine, or under a sanitizer, a short program is hardly ever. The amount is the program's
# last argument, from 1 up.
often_enough() {
    least=$1
    shift
    for work in 1 2 4 8 16 32; do
        advise "$@" "$work"
        ! jq -e ".looks >= $least" document >/dev/null || return 0
    done
    fail "advise $*: with $work times the work it was looked at $(jq .looks document) times, and not $least"
}

# loop.py [TIMES]: naps of 20 ms, one after the other.
cat >loop.py <<'END'
import sys
import time

def task(n):
    time.sleep(0.02)

for n in range(int(sys.argv[1]) if len(sys.argv) > 1 else 30):
    task(n)
END

# For programs in Python: patient(LEAST) is LEAST, and more where the program's start took longer
# than usual. On a machine that is slow or busy with other things, a start takes seconds, beside
# which tasks of a few milliseconds would be nothing: then there is nothing to advise.
cat >patience.py <<'END'
import os
import time

USUAL_START = 0.2
MOST = 40

def patient(least):
    with open("/proc/self/stat") as stat:
        began = int(stat.read().rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")
    return least * min(max(age / USUAL_START, 1), MOST)
END

# patiently PROGRAM SECONDS LEAST: a copy of one that waits for so long in each task, and here for patient(LEAST). Says
# its name.
patiently() {
    copy=patient_$(basename "$1")
    sed "s/sleep($2)/sleep(EACH)/; s/\"$2\"/str(EACH)/; 0,/^import /s//from patience import patient; EACH = patient($3)\n&/" "$1" >"$copy"
    grep -q '(EACH)' "$copy" || fail "$1 has no wait of $2 s"
    echo "$copy"
}
