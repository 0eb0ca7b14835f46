# Sourced by the tests beside it: a scratch folder that goes with the test, and checks that name what failed.
# shellcheck shell=sh

scratch=$(mktemp -d) || exit 1
failures=0
server=

# Called at the test's end, whatever ends it.
clean_up()
{
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT PIPE TERM

# run COMMAND...: its output goes to $scratch/out and $scratch/err, its exit code to $code.
run()
{
    command=$*
    "$@" >"$scratch/out" 2>"$scratch/err"
    # shellcheck disable=SC2034 # for those who source this
    code=$?
}

# expect WHAT EXPECTED FOUND
expect()
{
    if [ "$2" != "$3" ]; then
        failures=$((failures + 1))
        printf 'FAILED: %s\n  %s: expected "%s", found "%s"\n' "$command" "$1" "$2" "$3"
        sed 's/^/  stderr: /' "$scratch/err" | head -n 5
    fi
}

# lines FILE PATTERN: how many lines of $scratch/FILE match the basic regular expression.
lines()
{
    grep -c -- "$2" "$scratch/$1"
}

finish()
{
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
