#!/bin/sh
# `overlap run --model cluster`: jobs on the ranks of an MPI job, how they fail, and how all of it ends.
# shellcheck source=tests/tool/lib.sh
# shellcheck disable=SC2015,SC2016 # what stands in single quotes is for the shells of the jobs
. "$(dirname "$0")/../tool/lib.sh"

# As root, on as many processors as there are, without a network.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HWLOC_COMPONENTS=-gl
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader OMPI_MCA_plm=isolated

case $(mpirun --version) in
*'Open MPI) '[0-4].*) ;;
*)
    echo "$(mpirun --version | sed 1q): from 5 on it takes minutes for output that is as large as here"
    exit 77
    ;;
esac

# Each rank's process is in ./rank.N.
cat >rank <<'END'
#!/bin/sh
echo $$ >"rank.$OMPI_COMM_WORLD_RANK"
exec "$OVERLAP" "$@"
END
chmod +x rank

# ranks CODE ARGUMENT...: as expect, on three ranks of which two run jobs. After an exit code other than 0 mpirun
# would wait two seconds, for ranks that have ended.
ranks() {
    wanted=$1
    shift
    timeout 300 mpirun --mca odls_base_sigkill_timeout 0 -n 3 "$OVERLAP" run --model cluster "$@" >out 2>err </dev/null
    code=$?
    [ "$code" -eq "$wanted" ] || fail "run $*: exit code $code, not $wanted: $(cat err)"
}

# patiently COMMAND...: as await, for longer: on a busy machine mpirun takes its time.
patiently() {
    await "$@" || await "$@" || await "$@" || await "$@"
}

# begin ARGUMENT...: the same in the background, once both of its ranks run a job that has written to ./begun.
begin() {
    rm -f begun rank.?
    mpirun -n 3 ./rank run --model cluster "$@" >out 2>err </dev/null &
    pid=$!
    patiently eval '[ -e begun ] && [ "$(wc -l <begun)" -ge 2 ]' || fail "run $*: no two jobs began: $(cat err)"
}

# ends CODE: what it exits with; 0: with anything else than 0.
ends() {
    wait "$pid"
    code=$?
    [ "$1" -eq 0 ] && [ "$code" -ne 0 ] || [ "$code" -eq "$1" ] || fail "exit code $code, not $1: $(cat err)"
}

# Output and order as on one machine; standard input is the first rank's.
ranks 0 -k -- printf '%s-%s\n' '{}' '{#}' ::: a b c d e
printf 'a-1\nb-2\nc-3\nd-4\ne-5\n' | cmp -s - out || fail "in order: $(cat out)"
seq 1000 | timeout 300 mpirun -n 3 "$OVERLAP" run --model cluster -k -- echo >out 2>err || fail "items: $(cat err)"
seq 1000 | cmp -s - out || fail "items from standard input: $(wc -l <out) lines"
seq 30000 | timeout 300 mpirun -n 3 "$OVERLAP" run --model cluster --pipe --block 20k -- wc -l >out 2>err ||
    fail "pipe: $(cat err)"
[ "$(awk '{ n += $1 } END { print n }' out)" -eq 30000 ] || fail "pipe: $(cat out)"
seq 300 >in

# Fields by the names that a header gives them, in the command and in tags; of a job that is small, and of one that is not.
printf 'name,size\nx,1\ny,2\n' >table
ranks 0 -k --csv --header=: --tagstring='{size}' -- echo '{name}-{size}' '{2}' :::: table
[ "$(cat out)" = "$(printf '1\tx-1 1\n2\ty-2 2')" ] || fail "header: $(cat out)"
{
    echo large
    head -c 100000 /dev/zero | tr '\0' y
} >table
ranks 0 --header=: --shell -- 'expr length {large}' :::: table
[ "$(cat out)" = 100000 ] || fail "header of a large item: $(cat out)"

# A job that takes its time while many times as many others end as are given out at once.
: >ended
ranks 0 -- sh -c 'if [ {} = 1 ]; then until [ "$(wc -l <ended)" -ge 250 ]; do sleep 0.02; done
    else echo {} >>ended; fi; echo {}' :::: in
sort -n out | cmp -s - in || fail "a job among 299 shorter ones: $(wc -l <out) lines; $(cat err)"

# Output that is larger than what memory is kept for, of both streams.
ranks 0 -k --results kept -- sh -c 'head -c 20000000 /dev/zero | tr "\0" {}; printf "%s" {} >&2' ::: x y z
for letter in x y z; do head -c 20000000 /dev/zero | tr '\0' "$letter"; done | cmp -s - out || fail 'large output'
[ "$(cat err)" = xyz ] || fail "errors of jobs: $(cat err)"
[ "$(find kept -name stdout -size +19000k | wc -l)" -eq 3 ] || fail "results: $(find kept)"

# However much a job writes, no rank has more of it in memory than a few pieces. (Sanitizers keep what was freed.)
timeout 300 mpirun -n 3 ./rank run --model cluster -w1 -k -- sh -c 'case {} in
    1) head -c 150000000 /dev/zero;;
    2) for n in 0 1 2; do read -r rank <rank.$n; grep VmHWM "/proc/$rank/status"; done >memory;;
    esac' ::: 1 2 >out 2>err </dev/null || fail "much output: $(cat err)"
[ "$(wc -c <out)" -eq 150000000 ] || fail "much output: $(wc -c <out) bytes"
ldd "$OVERLAP" | grep -q 'lib[at]san' || awk '$2 > 64000 { exit 1 }' memory || fail "memory of much output: $(cat memory)"
[ "$(wc -l <memory)" -eq 3 ] || fail "memory of ranks: $(cat memory)"

# Line by line as it comes, while the jobs run; the last line as whole as the others; what is stored, of the last attempt.
mkfifo on
timeout 300 mpirun -n 3 "$OVERLAP" run --model cluster --line-buffer --tag --results lines -- \
    sh -c 'echo early; printf half; read line <on; printf "%s" " and half"' ::: a b >out 2>err </dev/null &
pid=$!
patiently eval '[ "$(grep -c early out)" -eq 2 ]' || fail "lines were held back: $(cat err)"
exec 3<>on
printf 'on\non\n' >&3
ends 0
exec 3<&-
[ "$(sort out)" = "$(printf 'a\tearly\na\thalf and half\nb\tearly\nb\thalf and half')" ] || fail "lines: $(cat out)"
[ "$(cat lines/1/a/stdout)" = "$(printf 'early\nhalf and half')" ] || fail "lines that were stored: $(cat lines/1/a/stdout)"
ranks 1 --line-buffer --results again --retries 2 -- sh -c 'echo {}; exit 1' ::: a
[ "$(cat out again/1/a/stdout)" = "$(printf 'a\na\na')" ] || fail "lines of two attempts: $(cat out again/1/a/stdout)"

# Starts that are apart, and a machine that never has enough left: one job at a time is run all the same.
ranks 0 --delay 0.5 --json -- true ::: 1 2 3 4 5
grep -oE '"wall_seconds":[0-9]+' out | awk -F: '$2 < 2 { exit 1 }' || fail "--delay: $(cat out)"
ranks 0 --memory-free 1000000G -- sh -c 'mkdir one && sleep 0.1 && rmdir one && echo {}' ::: 1 2 3 4
[ "$(sort out | tr '\n' ' ')" = '1 2 3 4 ' ] || fail "--memory-free: $(cat out)"
ranks 0 --load 1000 -- echo ::: 1 2 3
[ "$(wc -l <out)" -eq 3 ] || fail "--load: $(cat out)"

# One that was held back has not begun where the whole is stopped.
mkfifo held
begin_one() {
    rm -f begun rank.?
    mpirun -n 3 ./rank run --model cluster "$@" >out 2>err </dev/null &
    pid=$!
    patiently test -e begun || fail "run $*: no job began: $(cat err)"
}
begin_one --json --memory-free 1000000G -- sh -c 'echo up >>begun; read line <held; echo {}' ::: a b c
kill -INT "$(cat rank.0)"
patiently grep -q 'no more jobs begin' err || fail "interrupt: $(cat err)"
exec 3<>held
printf 'on\n' >&3
ends 130
exec 3<&-
says out '"done":1,"failed":0,"not_started":2'

# What is tried again waits for its machine as it did before: the load is what ./load says.
if [ -n "${LOAD_AVERAGE-}" ] && ! ldd "$OVERLAP" | grep -q 'lib[at]san'; then
    echo 0 >load
    timeout 300 mpirun -n 3 env LD_PRELOAD="${LOAD_AVERAGE##*/}" LD_LIBRARY_PATH="${LOAD_AVERAGE%/*}" "$OVERLAP" run --model cluster --load 1 --retries 2 --json -- sh -c '
        if [ {} = a ] && mkdir a; then
            until [ -e b ]; do sleep 0.02; done
            echo 5 >load
            echo a failed >>order
            exit 1
        elif [ {} = a ]; then
            echo a again >>order
            exit 1
        fi
        mkdir b
        until [ -e order ]; do sleep 0.02; done
        n=0
        until grep -q again order || [ $((n += 1)) -gt 60 ]; do sleep 0.02; done
        echo b ended >>order' ::: a b >out 2>err </dev/null && fail 'a job that failed twice is told as done'
    [ "$(tr '\n' , <order)" = 'a failed,b ended,a again,' ] || fail "tried again on a machine that is busy: $(cat order err)"
    says out '"done":1,"failed":1,"not_started":0'
    says out '"item":"a".*"attempts":2'
fi

# Each its own fate, told with the machine; places among those that run; a job is no rank.
ranks 1 --json -k -- sh -c 'env | grep -E "^(OMPI|PMIX)_"; exit {}' ::: 0 7 0
says out '"done":2,"failed":1,"not_started":0'
says out '"model":"cluster","workers":2'
says out "\"exit\":7,.*\"host\":\"$(uname -n | cut -c1-64)\",\"error\":\"exit code 7, on"
[ "$(grep -cE '^(OMPI|PMIX)_' err)" -eq 0 ] || fail "a job has a rank's variables: $(cat err)"
"$SCHEMA_CHECK" "$SCHEMA" <out || fail "not as the schema says: $(cat out)"
ranks 0 -- mpirun --allow-run-as-root --oversubscribe --mca plm isolated -n 2 echo ::: a
[ "$(cat out)" = 'a
a' ] || fail "a job that is an MPI job: $(cat out) $(cat err)"
ranks 1 -- sh -c 'kill -9 $$' ::: a
says err "'a': ended by signal 9 (SIGKILL), on "
ranks 1 --timeout 0.2 --retries 2 -- sleep ::: 50
says err "'50': timed out after .* s, at attempt 2, on "
ranks 1 '{}' ::: true no-such-command
says err "'no-such-command': command not found, on "
ranks 3 no-such-command ::: a b
[ "$(grep -c 'no-such-command: command not found' err)" -eq 1 ] || fail "a command that is not there: $(cat err)"

# Where it is time to halt, what runs elsewhere is ended.
mkfifo both
ranks 1 --json --halt now,fail=1 -- sh -c 'if [ {} = 1 ]; then read line <both; exit 1; fi; echo go >both; sleep 100' \
    ::: 1 2 3 4
says out '"done":0,"failed":2,"not_started":2'
says out '"error":"ended by signal 15 (SIGTERM), since the whole was stopped'

# Interrupts: once, what runs comes to its end; twice, it is ended.
mkfifo go
begin --json -- sh -c 'echo up >>begun; read line <go; echo {} >>ended' ::: a b c
kill -INT "$(cat rank.0)"
patiently grep -q 'no more jobs begin; waiting for 2' err || fail "interrupt: $(cat err)"
exec 3<>go
printf 'on\non\n' >&3
ends 130
exec 3<&-
says out '"done":2,"failed":0,"not_started":1'
begin --json -- sh -c 'echo up >>begun; exec sleep 100' ::: a b c
kill -INT "$(cat rank.0)"
patiently grep -q 'no more jobs begin' err || fail "interrupt: $(cat err)"
kill -INT "$(cat rank.0)"
ends 130
says out '"done":0,"failed":2,"not_started":1'

# The same at whatever moment, be it that one job at a time is run: each item is told of once, and what was done ran.
seed=${OVL_TEST_SEED:-$(date +%s)}
echo "moments: OVL_TEST_SEED=$seed"
seq 3000 >several
awk -v seed="$seed" 'BEGIN { srand(seed); for (n = 0; n < 6; n++) printf "%.3f %s\n", rand(), n % 2 ? "1000000G" : "1k" }' >moments
while read -r moment free; do
    rm -f rank.?
    : >ran
    mpirun -n 3 ./rank run --model cluster --json --memory-free "$free" -i several -- sh -c 'echo {} >>ran' >out 2>err </dev/null &
    pid=$!
    patiently test -s ran || fail "no job ran: $(cat err)"
    sleep "$moment"
    kill -INT "$(cat rank.0)"
    ends 130
    adds_up 3000 || fail "interrupted after $moment s, with $free to be free: $(cat why)"
done <moments
rm ran

# Another rank that is told to end ends the whole, in order.
begin --json -- sh -c 'echo up >>begun; exec sleep 100' ::: a b c
kill -TERM "$(cat rank.1)"
ends 3
says err 'was told to end: all jobs are ended'
says out '"done":0,"failed":2,"not_started":1'

# One that is killed: mpirun ends all, no job is left, and what the journal has is not done again.
begin --journal j -- sh -c 'case {} in third | fourth) echo $$ >{}.pid; echo up >>begun; exec sleep 100;; esac
    echo {} >>ran' ::: first second third fourth fifth
patiently grep -aq first j j-wal && patiently grep -aq second j j-wal || fail 'the journal has not what was done'
kill -KILL "$(cat rank.2)"
ends 0
patiently is_gone third.pid && patiently is_gone fourth.pid || fail 'a job outlives its rank'
patiently eval 'is_gone rank.0 && is_gone rank.1' || fail 'a rank outlives the others'
ranks 0 --journal j --resume -- sh -c 'echo {} >>ran' ::: first second third fourth fifth
[ "$(sort ran | tr '\n' ' ')" = 'fifth first fourth second third ' ] || fail "after a rank's death: $(cat ran)"

# What cannot be is refused, with what to do instead.
ranks 2 --load much -- echo ::: a
says err '--load much: not understood'
[ "$(grep -c '^overlap run: ' err)" -eq 1 ] || fail "wrong usage is not told once: $(cat err)"
ranks 2 --no-such-option
[ "$(grep -c '^overlap run: ' err)" -eq 1 ] || fail "a wrong option is not told once: $(cat err)"
ranks 0 --help
[ "$(grep -ci '^usage' out)" -eq 1 ] || fail "help is not shown once: $(cat out)"
ranks 0 -w 5 -- true ::: a
says err '--workers 5: there are 2 ranks that run jobs; start more with mpirun'
ranks 0 --dry-run -- echo ::: a b
[ "$(cat out)" = 'echo a
echo b' ] || fail "dry run: $(cat out)"
expect 3 run --model cluster -- echo ::: a
says err 'no cluster: .*mpirun -n 3 PROGRAM (Debian: openmpi-bin)'

finish
