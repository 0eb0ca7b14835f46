#!/bin/sh
# Proves that an I/O-bound example downloads every URL 80 times, reports each failure with its URL, and
# refuses what is no URL.
#
#     io.sh EXAMPLE OVERLAP
example=$1
overlap=$2
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"

export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

# The origin's first line is its URL: reading it is waiting until the server is ready.
mkfifo "$scratch/ready"
"$overlap" origin --port 0 --latency 5ms --size 3000 >"$scratch/ready" &
server=$!
exec 3<"$scratch/ready"
if ! read -r origin <&3; then
    echo "FAILED: overlap origin ended before it was ready"
    exit 1
fi
refused=http://127.0.0.1:1/refused # port 1, tcpmux: nobody listens there

# Two sites of two sizes: a result that came to the wrong task would show.
run "$example" "${origin}jython" "${origin}dice?size=10k"
expect "exit code" 0 "$code"
expect "pages of the first site" 80 "$(lines out "^Read 3000 from ${origin}jython\$")"
expect "pages of the second site" 80 "$(lines out "^Read 10240 from ${origin}dice?size=10k\$")"
expect "last line" 1 "$(tail -n 1 "$scratch/out" | grep -c '^Downloaded 160 in [0-9]*\.[0-9]* seconds$')"
expect "lines in all" 161 "$(lines out '')"
expect "errors" "" "$(cat "$scratch/err")"

run "$example" "${origin}jython" "$refused"
expect "exit code with one site refusing" 1 "$code"
expect "pages of the other site" 80 "$(lines out "^Read 3000 from ${origin}jython\$")"
expect "refusals, each with its URL" 80 "$(lines err "$refused: .*connect")"
expect "count of successes" 1 "$(lines out '^Downloaded 80 in ')"
expect "count of failures" 1 "$(lines err '80 of 160 downloads failed$')"

run "$example" "$refused"
expect "exit code with every site refusing" 1 "$code"
expect "count of successes" 1 "$(lines out '^Downloaded 0 in ')"

run "$example" "${origin}jython" "${origin}dice?size=none"
expect "exit code with one site answering 400" 1 "$code"
expect "pages of the other site" 80 "$(lines out "^Read 3000 from ${origin}jython\$")"
expect "answers of 400, each with its URL" 80 "$(lines err "${origin}dice?size=none: the server answered 400\$")"

run "$example"
expect "exit code without URLs" 2 "$code"
expect "usage" 1 "$(lines err '^usage: .* URL\.\.\.$')"
expect "output without URLs" "" "$(cat "$scratch/out")"

for bad in not-a-url "" ftp://127.0.0.1/ file:///etc/passwd http:// http://127.0.0.1:99999/; do
    run "$example" "${origin}jython" "$bad"
    expect "exit code" 2 "$code"
    expect "the URL in the message" 1 "$(lines err "\"$bad\" is not a URL of http or https\$")"
done

command="$example >/dev/full"
"$example" "${origin}jython" >/dev/full 2>"$scratch/err"
expect "exit code with a full disk" 3 $?
expect "message with a full disk" 1 "$(lines err 'standard output cannot be written')"

finish
