#!/bin/sh
# shellcheck disable=SC2317 # called by trap
# A program that runs already, looked at from outside; and the files beside the page.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"
: "${LOOK:?}" "${WAITS:?}"
program=

stop_program() {
    [ -z "$program" ] || kill -KILL "$program" 2>/dev/null
    clean
}
trap stop_program EXIT

cat >long.py <<'END'
import sys
import time

def task(n):
    time.sleep(0.03)

def main():
    print("on", flush=True)
    for n in range(100000):
        task(n)
        if n == 50 and len(sys.argv) > 1:
            print("much", flush=True)

main()
END
begin "$python" long.py
advise -p "$program" --seconds 2
if grep -q 'may not be read' document; then
    echo 'the memory of another process may not be read here'
    exit 77
fi
[ "$code" -eq 0 ] || fail "-p: exit code $code"
holds '.where[0].function == "task" and .where[0].line == 5 and .where[0].kind == "sleep"'
holds '.waits.sleep > 0.2 and .waits.sleep > 5 * .cpu_seconds and .wall_seconds >= 2'
holds '.unit.function == "task" and .unit.count > 2 and .bound == "io"'
kill -0 "$program" || fail 'it is gone'
kill -KILL "$program"
wait "$program" 2>/dev/null
expect 3 advise -p "$program" --seconds 1
says err 'no such process'
program=
expect 2 advise -p 1 -- true

# One that has ended, and one that ends while it is looked at: their parent waits for neither.
cat >parent.py <<'END'
import os
import sys
import time

child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
print(child, flush=True)
time.sleep(1000)
END
"$python" parent.py /bin/true >ready 2>/dev/null </dev/null &
program=$!
read -r over <ready
await grep -q ') Z' "/proc/$over/stat"
expect 3 advise -p "$over" --seconds 1
says err 'it has ended, and its parent has not asked how'
kill_program
"$python" parent.py /bin/sleep 1000 >ready 2>/dev/null </dev/null &
program=$!
read -r over <ready
"$OVERLAP" advise -p "$over" --seconds 300 --output document >out 2>err &
looks=$!
until [ -n "$(find "/proc/$looks/fd" -lname "/proc/$over/task/*" 2>/dev/null)" ] || ! kill -0 "$looks"; do sleep 0.02; done
kill -KILL "$over"
wait "$looks" || fail "one that ends meanwhile: exit code $?: $(cat err)"
holds '.wall_seconds < 250'
says err 'it was looked at for .*, until it ended'
kill_program

# Children that another thread began, more than a page of the system's list is for: the last one computes.
cat >many.py <<'END'
import os
import threading

def spin():
    while os.getppid() == parent:
        pass

def begin():
    for n in range(260):
        child = os.fork()
        if child == 0:
            os.close(keep)
            if n == 259:
                os.write(1, b"on\n")
                spin()
            os.read(end, 1)
            os._exit(0)
    threading.Event().wait()

parent = os.getpid()
end, keep = os.pipe()
thread = threading.Thread(target=begin)
thread.start()
thread.join()
END
begin "$python" many.py
for seconds in 2 8 32 128; do
    advise -p "$program" --seconds $seconds
    ! jq -e 'any(.where[]; .function == "spin")' document >/dev/null || break
done
holds 'any(.where[]; .function == "spin" and .kind == "cpu")'
kill_program

# What other programs took of its time before it was looked at is none of the time that it was looked at for.
cat >delayed.py <<'END'
import os
import time

def delayed():
    with open("/proc/self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9

parent = os.getpid()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
child = os.fork()
while child == 0 and os.getppid() == parent:
    pass
if child == 0:
    os._exit(0)
while delayed() < 1.5:
    pass
os.kill(child, 9)
os.wait()
print("on", flush=True)
while True:
    time.sleep(0.01)
END
begin "$python" delayed.py
advise -p "$program" --seconds 500ms
took=$(sed -n 's/^ *\(But note\)* *For \([0-9.]*\) s of this .*/\2/p' err)
jq -e ".wall_seconds >= ${took:-0} - 0.1" document >/dev/null || fail "others took $took s of it: $(cat err)"
kill_program

# A shell that becomes the program, as launchers do, while it is looked at.
mkfifo go
sh -c "echo on; read line; exec $python long.py much" <go >ready 2>/dev/null &
program=$!
exec 8>go
exec 9<ready
read -r _ <&9
"$OVERLAP" advise -p "$program" --seconds 100 --output document >out 2>err &
looks=$!
until [ -n "$(find "/proc/$looks/fd" -lname "/proc/$program/task/*" 2>/dev/null)" ] || ! kill -0 "$looks"; do sleep 0.02; done
echo on >&8
exec 8>&-
# When that has done much, enough was seen: it says so, twice.
read -r _ <&9
read -r _ <&9
kill -INT "$looks"
wait "$looks" || fail "one that becomes another program: exit code $?: $(cat err)"
holds '.unit.function == "task" and .where[0].line == 5 and .where[0].kind == "sleep"'
kill_program
exec 9<&-

# One that is not Python's: the lines where it waits and where it computes, and the function that does both.
begin "$WAITS" forever
# On a busy machine it is looked at a few times a second.
for seconds in 2 8 32; do
    advise -p "$program" --seconds $seconds
    ! jq -e '.looks >= 20 and .waits.sleep > 0' document >/dev/null || break
done
[ "$code" -eq 0 ] || fail "-p: exit code $code"
holds 'any(.where[]; .function == "nap" and .kind == "sleep") and any(.where[]; .function == "sum" and .kind == "cpu")'
holds '.waits.sleep > 0 and .cpu_seconds > 0'
kill_program
expect 2 advise -p 1 --seconds never

# The page, the trace, and an earlier document beside what came.
cat >naps.py <<'END'
import time

def nap(n):
    time.sleep(0.03)

for n in range(100):
    nap(n)
END
advise --report page.html --trace trace.json -- "$python" naps.py
jq -e '.traceEvents | length > 20' trace.json >/dev/null || fail "no trace: $(head -c 300 trace.json)"
sh "$LOOK" page.html 'as predicted: async' 'naps.py' 'asyncio.Semaphore' 'time.sleep(0.03)'
looked=$?
[ "$looked" -eq 0 ] || [ "$looked" -eq 77 ] || fail 'the page is not as it should be'
# It sleeps for 3 s, and takes no less now.
jq '.wall_seconds = 3' document >before.json
advise --check before.json -- "$python" naps.py
says err 'It still does one after the other'
sed -i 's/^for n.*/from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(20) as pool: list(pool.map(nap, range(100)))/; /^    nap(n)/d' naps.py
advise --check before.json -- "$python" naps.py
says err 'overlap advise: before [0-9]*\.[0-9]* s, now [0-9]*\.[0-9]* s: [0-9.]* times as fast'
says err 'Predicted for asyncio, [0-9]* tasks in flight: .*The prediction was off by'
# What fails is no faster.
advise --check before.json -- "$python" -c 'exit(3)'
holds '.exit_code == 3'
says err 'before it ended with exit code 0, and now with 3: its times.*do not compare'
expect 125 advise --check naps.py -- true
says err 'naps.py'
finish
