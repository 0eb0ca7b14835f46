# What every bench is made of: samples, collected in rounds; pairs of cases, ours beside the peer's; and
# targets. To be sourced by bench/run, which sets `work`, a scratch folder, and `me` before.
# shellcheck shell=sh
: "${work:?}" "${me:?}" "${lib:?}"

stopwatch=$work/stopwatch
samples=$work/samples # CASE, METRIC, SECONDS, one sample a line, parted by tabs
pairs=$work/pairs     # TITLE, CASE, PEER-CASE
targets=$work/targets # TITLE, RELATION, LIMIT, VALUE
broken=0              # commands that did not run, or failed
server=
running=

# record CASE METRIC SECONDS
record()
{
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$samples"
}

# In the background and waited for, so that an interrupt is heeded at once.
run_stopwatch()
{
    "$stopwatch" "$@" >"$work/out" 2>"$work/err" </dev/null &
    running=$!
    wait "$running"
    status=$?
    running=
    return "$status"
}

tell_failure()
{
    broken=$((broken + 1))
    say "failed with exit code $1: $2"
    tail -n 5 "$work/err" >&2
}

# measure CASE COMMAND...: a sample of the whole command's wall clock ("whole") and CPU time ("cpu"), and,
# where its last line of output tells how many seconds its work took, of that ("work").
measure()
{
    case_name=$1
    shift
    if ! run_stopwatch "$work/time" "$@"; then
        tell_failure "$status" "$*"
        return 0
    fi
    read -r wall cpu <"$work/time"
    record "$case_name" whole "$wall"
    record "$case_name" cpu "$cpu"
    own=$(tail -n 1 "$work/out" | sed -nE 's/^(Downloaded [0-9]+ in|Duration) ([0-9.]+) seconds$/\2/p')
    [ -z "$own" ] || record "$case_name" work "$own"
}

# measure_start CASE COMMAND...: a sample of the time until the command's first line of output ("whole").
measure_start()
{
    case_name=$1
    shift
    if ! run_stopwatch --first-line "$work/time" "$@"; then
        tell_failure "$status" "$*"
        return 0
    fi
    read -r wall cpu <"$work/time"
    record "$case_name" whole "$wall"
}

# measure_models PREFIX COMMAND...: of an `overlap compare --json` of one program, a sample of every
# model's wall_seconds, as the case PREFIX_MODEL ("work").
measure_models()
{
    prefix=$1
    shift
    if ! run_stopwatch "$work/time" "$@"; then
        tell_failure "$status" "$*"
        return 0
    fi
    # One object a line; the order of its members is nobody's promise.
    tr -d '\n' <"$work/out" | tr '{}' '\n\n' |
        sed -nE '/"wall_seconds"/{s/.*"model": *"([a-z]+)".*"wall_seconds": *([0-9.e+-]+).*/\1 \2/p
            s/.*"wall_seconds": *([0-9.e+-]+).*"model": *"([a-z]+)".*/\2 \1/p}' >"$work/models"
    if [ ! -s "$work/models" ]; then
        tell_failure 0 "$* (no wall_seconds in its output)"
        return 0
    fi
    while read -r model wall; do
        record "${prefix}_$model" work "$wall"
    done <"$work/models"
}

# start_server COMMAND...: sets `url` to its first line of output.
start_server()
{
    mkfifo "$work/ready"
    "$@" >"$work/ready" 2>"$work/err" </dev/null &
    server=$!
    exec 3<"$work/ready"
    rm "$work/ready"
    if ! read -r url <&3; then
        tail -n 5 "$work/err" >&2
        refuse "did not start: $*"
    fi
}

stop_server()
{
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
    exec 3<&-
}

# Ends what still runs: the stopwatch ends its command's whole group.
stop_all()
{
    if [ -n "$running" ]; then
        kill "$running" 2>/dev/null
        wait "$running" 2>/dev/null
        running=
    fi
    stop_server
}

# pair TITLE CASE PEER-CASE: a line of the table.
pair()
{
    printf '%s\t%s\t%s\n' "$@" >>"$pairs"
}

# target TITLE RELATION LIMIT VALUE: RELATION is at-most, at-least or within, the last of a ratio to 1.
target()
{
    printf '%s\t%s\t%s\t%s\n' "$@" >>"$targets"
}

# median CASE METRIC: of the samples so far; nothing where there are none.
median()
{
    awk -f "$lib/stats.awk" -f "$lib/median.awk" -v name="$1" -v metric="$2" "$samples"
}

# divide A B: the quotient; nothing where either is missing.
divide()
{
    awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b != "" && b + 0 > 0) printf "%.6f\n", a / b }'
}
