#!/bin/sh
# Jobs that fail, hang, or cannot be run; and when the whole stops early.
# shellcheck source=tests/tool/lib.sh
# shellcheck disable=SC2016,SC3045 # single quotes: for the shells of the jobs; dash has ulimit -n
. "$(dirname "$0")/../tool/lib.sh"

# counts DONE FAILED NOT_STARTED: what the document in ./out says, which must add up.
counts() {
    says out "\"done\":$1,\"failed\":$2,\"not_started\":$3,"
}

expect 0 run true ::: a b
expect 1 run false ::: a b
says err "'a': exit code 1"
says err "'b': exit code 1"
expect 1 run --json -- sh -c 'kill -9 $$' ::: a
says err "'a': ended by signal 9 (SIGKILL)"
says out '"exit":null,"signal":9'

# Each its own fate.
expect 1 run --json -k -- sh -c 'exit {}' ::: 0 7 0
counts 2 1 0
says out '"item":"7","job":2,"exit":7'

# A command that is not there is told of once, and nothing begins.
seq 500 >many
expect 3 run --json -i many no-such-command
[ "$(wc -l <err)" -eq 1 ] || fail "command not found: told $(wc -l <err) times"
says err 'no-such-command: command not found'
counts 0 0 500
"$SCHEMA_CHECK" "$SCHEMA" <out || fail "command not found: $(cat out)"
touch plain
expect 3 run ./plain ::: a b
says err './plain: cannot be run'
expect 3 run ./absent ::: a
says err './absent: there is no such command'
expect 3 run 'echo x | wc' ::: a
says err 'command not found; --shell has a shell read it'
expect 3 run 'echo {}' ::: a b c
says err '^overlap run: echo {}: command not found; --shell has a shell read it$'
[ "$(wc -l <err)" -eq 1 ] || fail "a line for a shell: told $(wc -l <err) times"
# One that depends on the item costs that item alone.
expect 1 run --json -k {} ::: true no-such-command ./plain true
counts 2 2 0
says err "'no-such-command': command not found"
says err "'./plain': cannot run it: Permission denied"
says out '"exit":127'
says out '"exit":126'
# A script without #! is the shell's.
printf 'echo script $1\n' >script
chmod +x script
expect 0 run ./script ::: a
says out '^script a$'

# One whose reader is not there says which of the two is missing.
printf '#!/nowhere/reader\n' >orphan
chmod +x orphan
expect 3 run ./orphan ::: a b
says err './orphan: the program that its first line names after #! is not there; no more jobs begin'

# One that goes away in the middle: told once.
seq 1000 >many
cat >vanish <<'END'
#!/bin/sh
rm -f vanish
END
chmod +x vanish
expect 3 run --json -w1 -i many ./vanish
grep -c 'no more jobs begin' err | grep -qx 1 || fail "vanish: told $(cat err)"

# Time limits: seconds, and a share of the median.
expect 1 run --timeout 0.5 -w2 sleep ::: 1000 0
says err "'1000': timed out after"
# A job that does not hear is killed, with what it started. On a busy machine it may be before it has started that: then
# there is another try, with more time.
seconds=1
until [ -s inner ]; do
    expect 1 run --timeout "$seconds" -- sh -c 'trap "" TERM; sleep 1000 & echo $! >inner; wait; wait' ::: a
    says err "timed out"
    seconds=$((2 * seconds))
done
await is_gone inner || fail '--timeout left a process behind'
expect 1 run --timeout 500% -w1 -- sh -c 'sleep {}' ::: 0.1 0.1 0.1 1000
says err "'1000': timed out"
expect 2 run --timeout 0 true ::: a
says err '--timeout 0: not understood'

# Attempts: three in all, the last one's output alone.
expect 0 run --json --retries 3 -- sh -c 'echo x >>tries; test $(wc -l <tries) -eq 3' ::: a
says out '"attempts":3'
rm -f tries
expect 1 run --json --retries 2 -- sh -c 'echo x >>tries; echo attempt-$(wc -l <tries); exit 1' ::: a
says out '"attempts":2'
says err '^attempt-2$'
grep -q attempt-1 err && fail 'the output of an attempt that failed was printed'

# Halt: what runs goes on, or is ended; what was not begun is counted.
expect 1 run --json -w1 --halt soon,fail=1 -- sh -c 'test {} != 3' ::: 1 2 3 4 5
counts 2 1 2
expect 1 run --json -w2 --halt now,fail=1 -- \
    sh -c 'if [ {} = 1 ]; then touch begun; exec sleep 1000; fi; until [ -e begun ]; do sleep 0.02; done; exit 1' ::: 1 2 3 4
counts 0 2 2
says err "'1': ended by signal 15"
expect 0 run --json -w1 --halt now,success=1 -- sh -c 'test {} = 2' ::: 1 2 3
counts 1 1 1
expect 0 run --json -w1 --halt soon,done=50% true ::: 1 2 3 4
counts 2 0 2
expect 1 run --json -w1 --halt soon,fail=50% false ::: 1 2 3 4
counts 0 2 2
seq 4 >four
expect 1 run --json -w1 --halt 1 -i four false
counts 0 1 3
expect 2 run --halt sometimes true ::: a
says err '--halt sometimes: not understood'

# Other ways to be run.
mkdir sub
expect 0 run --workdir sub -- sh -c 'pwd >where; echo {} >>where' ::: a
says sub/where '/sub$'
# A command that is named by its place is one of that folder, as it is for a shell that has gone there.
printf '#!/bin/sh\necho within\n' >sub/within
chmod +x sub/within
expect 0 run --workdir sub ./within ::: a
says out '^within$'
expect 0 run --workdir sub {} ::: ./within
says out '^within$'
expect 3 run --workdir sub ./script ::: a
says err './script: there is no such command'
expect 3 run --workdir nowhere true ::: a
says err '--workdir nowhere: No such file'
expect 0 run --env GREETING=hello --env HOME -- sh -c 'echo $GREETING $OVERLAP_JOB $PARALLEL_SEQ' ::: a
says out '^hello 1 1$'
expect 0 run --nice 5 -- sh -c 'nice' ::: a
[ "$(cat out)" = 5 ] || fail "--nice: $(cat out)"

# Slices of the processors: the jobs' are as usual, whatever those of the thread are that begins them; and so is their niceness.
if [ -r /proc/self/sched ]; then
    sed -n '/^se.slice/p' /proc/self/sched >own
    expect 0 run sed -n '/^se.slice/p' ::: /proc/self/sched
    [ "$(sort -u out)" = "$(cat own)" ] || fail "slices: $(cat own out)"
fi
for nice in 3 -3; do
    [ "$(nice -n "$nice" nice 2>/dev/null)" = "$nice" ] || continue
    nice -n "$nice" "$OVERLAP" run -- sh -c nice ::: a >out
    [ "$(cat out)" = "$nice" ] || fail "niceness $nice: $(cat out)"
done
began=$(milliseconds)
expect 0 run --delay 0.2 -w4 true ::: 1 2 3 4
[ $(($(milliseconds) - began)) -ge 600 ] || fail '--delay was not kept'
expect 0 run --memory-free 1 --load 1000 true ::: a b
expect 0 run --memory-free 1000T true ::: a b # one at a time, and never none

# Few descriptors: fewer jobs at once, and none lost.
(
    ulimit -n 80
    seq 200 | "$OVERLAP" run --json -w 100 -- sh -c 'sleep 0.01' >out 2>err
) || fail "with 80 descriptors: $(cat err)"
says err 'at once are what the limit of descriptors'
counts 200 0 0

# So few that no job can begin: told once, and no more are tried.
seq 300 >items
(
    exec >out 2>err
    ulimit -n 10
    exec "$OVERLAP" run --json -w1 -i items true
)
[ $? -eq 3 ] || fail "with 10 descriptors: $(cat err)"
says err 'no process is to be had: Too many open files; raise the limit (ulimit -n); no more jobs begin'
counts 0 1 299

# Input without an end is not counted to it.
yes | timeout 300 "$OVERLAP" run --json-lines -w1 --halt soon,fail=1 false >out 2>err
code=$?
[ "$code" -eq 1 ] || fail "endless input: exit code $code: $(tail -n 1 err)"
says err '0 done, 1 failed, at least [0-9]* not started'
tail -n 1 out | grep -q '"uncounted":true' || fail "endless input: $(tail -n 1 out)"
finish
