#!/bin/sh
# What the tests of the command share. OVERLAP is the command; all runs in a folder of its own.
set -u
: "${OVERLAP:?run by ctest, which names the command and the helpers}"
folder=$(mktemp -d) || exit 1
failures=0
origin_pid= # of a server that was started and not waited for

clean() {
    [ -z "$origin_pid" ] || kill -KILL "$origin_pid" 2>/dev/null
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 1' INT TERM
cd "$folder" || exit 1

# A child of compare's begins threads, which ThreadSanitizer would not have.
export TSAN_OPTIONS="${TSAN_OPTIONS:-} die_after_fork=0"

# Descriptors that whoever runs the tests has left open would count where a test allows for few.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-

# A proxy of this machine's would stand between the tests and their servers.
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

finish() {
    [ "$failures" -eq 0 ] || exit 1
    echo "all as it should be"
    exit 0
}

# expect CODE ARGUMENT...: runs the command, its output in ./out and ./err, and looks at its exit code.
expect() {
    wanted=$1
    shift
    "$OVERLAP" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" -eq "$wanted" ] || fail "overlap $*: exit code $code, not $wanted: $(cat err)"
}

# says FILE PATTERN: whether a file has a line like that.
says() {
    grep -q -e "$2" "$1" || fail "no '$2' in: $(cat "$1")"
}

# await COMMAND...: until it succeeds; for a minute and more, since a busy machine makes everything slow.
await() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 1200 ] || return 1
        sleep 0.05
    done
}

# has_ended PID: whether a process has; nobody may have waited for it.
has_ended() {
    ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
}

# is_gone FILE: whether the process whose number is in the file has ended.
is_gone() {
    read -r number <"$1"
    has_ended "$number"
}

# number KEY: of the counts in ./out, as `run --json` writes them.
number() {
    sed -n "s/.*\"$1\":\([0-9]*\),.*\"workers\".*/\1/p" out
}

# adds_up ITEMS: whether ./out tells of each item once, and of those as done whose jobs have written a line of their own to
# ./ran. Where not, ./why says so.
adds_up() {
    sum=$(($(number 'done') + $(number failed) + $(number not_started)))
    told=$(grep -o '"job":[0-9]*,' out | sort -u | wc -l)
    ended=$(sort -u ran | wc -l)
    echo "of $1: $sum counted, $told told of, $(wc -l <ran) ran, $ended of them different: $(tail -n 1 out)" >why
    { [ "$sum" -eq "$1" ] || grep -q '"uncounted":true' out; } && [ "$told" -eq "$sum" ] && [ "$ended" -eq "$(wc -l <ran)" ] &&
        [ "$ended" -ge "$(number 'done')" ] && [ "$ended" -le $(($(number 'done') + $(number failed))) ]
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# await_end PID: until a process has ended. Sets took, in milliseconds of naps: a clock that stands where the machine does.
await_end() {
    await has_ended "$1"
    took=$((50 * tries))
}

# ends_in_time PID LIMIT: whether a child ends within so many milliseconds: where it does not, a machine is allowed for
# that is too busy just now to run the command quickly when it has next to nothing to do.
ends_in_time() {
    await_end "$1"
    [ "$took" -ge "$2" ] || return 0
    limit=$2 ended_after=$took
    "$OVERLAP" compare cpu --models sync --sums 1 --number 1 >/dev/null 2>&1 </dev/null &
    await_end $!
    [ "$ended_after" -lt $((limit + 4 * took)) ]
}

# start_origin ARGUMENT...: a server; sets url, port and origin_pid.
start_origin() {
    rm -f ready
    touch ready
    "$OVERLAP" origin "$@" >ready 2>origin.err </dev/null &
    origin_pid=$!
    await grep -q / ready || fail "origin $* did not say where it is: $(cat origin.err)"
    read -r url <ready
    port=${url##*:}
    port=${port%/}
}

# stop_origin SIGNAL: returns its exit code.
stop_origin() {
    stopping=$origin_pid
    origin_pid=
    kill -"$1" "$stopping"
    wait "$stopping"
}
