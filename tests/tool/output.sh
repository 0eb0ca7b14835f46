#!/bin/sh
# Output that cannot be written: exit code 3, and a message.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# unwritable CODE ARGUMENT...: with standard output full, closed, and without a reader.
unwritable() {
    "$OVERLAP" "$@" >/dev/full 2>err </dev/null
    code=$?
    [ "$code" -eq 3 ] || fail "overlap $* >/dev/full: exit code $code"
    says err 'cannot write to standard output: No space left on device; make room'

    "$OVERLAP" "$@" >&- 2>err </dev/null
    code=$?
    [ "$code" -eq 3 ] || fail "overlap $* >&-: exit code $code"
    says err 'cannot write to standard output: Bad file descriptor; it is closed'

    # A pipe whose reader has ended before the first byte: a plain `| :` may still be reading when it comes.
    : <pipe &
    exec 5>pipe
    wait $!
    "$OVERLAP" "$@" >&5 2>err </dev/null
    code=$?
    exec 5>&-
    [ "$code" -eq 3 ] || fail "overlap $* into a pipe without a reader: exit code $code"
    says err 'cannot write to standard output: Broken pipe; its reader went away'
}

mkfifo pipe
unwritable --help
unwritable --version
unwritable compare --help
unwritable origin --help
unwritable origin
unwritable compare cpu --sums 2 --number 10 --models sync
unwritable compare cpu --sums 2 --number 10 --models sync --json
unwritable compare io --downloads 2 --latency 0ms --models sync,async --json
# More than stdio keeps: what failed was written before the end.
# shellcheck disable=SC2046 # a word an item
unwritable run --dry-run echo ::: $(seq 2000)

# A file that is made beside it: the reason is told, however much was written before.
"$OVERLAP" compare cpu --sums 2 --number 10 --models sync --report /dev/full >out 2>err </dev/null
code=$?
[ "$code" -eq 3 ] || fail "--report /dev/full: exit code $code"
says err '/dev/full: cannot write it: No space left on device; make room'

# Standard error that is closed, or full, changes nothing.
"$OVERLAP" compare io --downloads 2 --latency 1ms --models async --progress always 2>&- >out </dev/null ||
    fail 'with standard error closed it fails'
says out '^async '
"$OVERLAP" compare cpu --sums 2 --number 10 --models sync --progress always 2>/dev/full >out </dev/null ||
    fail 'with standard error full it fails'
"$OVERLAP" compare io --downloads 2 --latency 1ms --models async <&- >out 2>err ||
    fail 'with standard input closed it fails'
finish
