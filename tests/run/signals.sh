#!/bin/sh
# Interrupts, and that no job outlives overlap.
# shellcheck source=tests/tool/lib.sh
# shellcheck disable=SC2015,SC2016 # what stands in single quotes is for the shells of the jobs
. "$(dirname "$0")/../tool/lib.sh"

# begin ARGUMENT...: `overlap run` in the background, its number in $pid.
begin() {
    rm -f begun ended
    "$OVERLAP" run "$@" >out 2>err </dev/null &
    pid=$!
}

# ends CODE: what it exits with.
ends() {
    wait "$pid"
    code=$?
    [ "$code" -eq "$1" ] || fail "exit code $code, not $1: $(cat err)"
}

# Once: no more jobs, what runs comes to its end.
mkfifo go
begin --json -w1 -- sh -c 'echo $$ >begun; read line <go; echo {} >>ended' ::: a b c
await test -s begun || fail 'no job began'
kill -INT "$pid"
await grep -q 'interrupted: no more jobs begin' err || fail "interrupt: $(cat err)"
echo >go
ends 130
[ "$(cat ended)" = a ] || fail "interrupt: $(cat ended)"
says out '"done":1,"failed":0,"not_started":2'
says out '"interrupted":true'

# Twice: what runs is asked to end, with all that it started, and is not recorded.
begin --json --journal j -w1 -- sh -c 'sleep 100 & echo $! >inner; echo $$ >begun; wait' ::: a b
await test -s begun || fail 'no job began'
kill -INT "$pid"
await grep -q interrupted err || fail "interrupt: $(cat err)"
kill -INT "$pid"
ends 130
says out '"done":0,"failed":1,"not_started":1'
await is_gone begun || fail 'the second interrupt left the job'
await is_gone inner || fail "the second interrupt left the job's own"
expect 0 run --json --journal j --resume true ::: a b
says out '"from_journal":0'

# A job that does not hear is killed.
begin -w1 -- sh -c 'trap "" TERM; echo $$ >begun; while :; do sleep 0.1; done' ::: a
await test -s begun || fail 'no job began'
kill -TERM "$pid"
ends 130
await is_gone begun || fail 'a job that ignores SIGTERM was left'

# Interrupted while it waits for items.
mkfifo items
"$OVERLAP" run echo <items >out 2>err &
pid=$!
exec 5>items
echo one >&5
await grep -q one out || fail 'an item was not run while the next was awaited'
kill -INT "$pid"
ends 130
exec 5>&-

# Killed itself: no job is left, nor what it started.
begin -w2 -- sh -c 'sleep 100 & echo $! >inner{}; echo $$ >begun{}; wait' ::: 1 2
await test -s begun1 && await test -s begun2 || fail 'no jobs began'
kill -KILL "$pid"
wait "$pid"
for file in begun1 begun2 inner1 inner2; do
    await is_gone "$file" || fail "SIGKILL of overlap left $file"
done

# The same at whatever moment, with jobs that begin and end all the time.
seq 100000 >many
round=0
while [ "$round" -lt 15 ]; do
    round=$((round + 1))
    mark=0.00$round$$
    "$OVERLAP" run -w4 -i many sleep "$mark" >out 2>err &
    pid=$!
    sleep 0.1$round
    kill -KILL "$pid" || fail 'overlap had ended before it was killed'
    wait "$pid"
    await sh -c "! pgrep -f '^sleep $mark' >/dev/null" || fail 'SIGKILL of overlap left a job'
done

# Ctrl-C at whatever moment, once or twice, under every model: each item is told of once, and what was done ran.
seed=${OVL_TEST_SEED:-$(date +%s)}
echo "moments: OVL_TEST_SEED=$seed"
seq 1000 >several
awk -v seed="$seed" 'BEGIN {
    srand(seed)
    for (n = 0; n < 16; n++) {
        split("sync threads async auto", model)
        printf "%s %.3f %.3f\n", model[n % 4 + 1], rand() * 0.4, n % 8 < 4 ? 0 : rand() * 0.05
    }
}' >moments
while read -r model first second; do
    rm -f out
    : >ran
    # What a shell starts in the background ignores the signal.
    env --default-signal=INT "$OVERLAP" run --model "$model" -w3 --json -i several -- sh -c 'echo {} >>ran' >out 2>err </dev/null &
    pid=$!
    # The moment counts from when it has become overlap: before that it may still ignore the signal, on a busy machine for long.
    tries=0
    until grep -qx overlap "/proc/$pid/comm" || [ "$tries" -eq 10000 ]; do
        tries=$((tries + 1))
    done
    sleep "$first"
    kill -INT "$pid"
    [ "$second" = 0.000 ] || { sleep "$second" && kill -INT "$pid" 2>/dev/null; }
    wait "$pid"
    code=$?
    what="$model, interrupted after $first s and $second s"
    [ "$code" -eq 130 ] || fail "$what: exit code $code: $(cat err)"
    if [ ! -s out ] && [ ! -s ran ]; then
        continue # it had not begun
    fi
    adds_up 1000 || fail "$what: $(cat why)"
done <moments

# The number of workers is changed while it runs.
begin -w1 -- sh -c 'echo {} >>begun; until test -e end; do sleep 0.05; done' ::: a b c
await test -s begun || fail 'no job began'
kill -USR1 "$pid"
await sh -c 'test $(wc -l <begun) -eq 2' || fail 'SIGUSR1 is not one more'
await grep -q 'workers: 2, as the signal asks' err || fail "SIGUSR1: $(cat err)"
kill -USR2 "$pid"
await grep -q 'workers: 1, as' err || fail 'SIGUSR2 is not one fewer'
touch end
ends 0
finish
