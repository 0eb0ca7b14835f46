#!/bin/sh
# Proves that the scanner finds the ports that take connections, and no others.
#
#     port_scan.sh EXAMPLE OVERLAP
example=$1 overlap=$2
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"

# An address of its own: servers of other tests, at the same time, wait for their own clients.
address=127.7.7.7
mkfifo "$scratch/address"
"$overlap" origin --address $address >"$scratch/address" 2>"$scratch/server" &
server=$!
read -r url <"$scratch/address"
port=${url##*:}
port=${port%/}

run "$example" $address "$port" "$port"
expect "exit code" 0 "$code"
expect "ports" "$port" "$(cat "$scratch/out")"
expect "count" 1 "$(lines err '^1 open, 0 unknown, of 1 in')"

run "$example" localhost 1 1
expect "ports of a host by its name" "" "$(cat "$scratch/out")"
expect "count of those" 1 "$(lines err '^0 open, 0 unknown, of 1 in')"

run "$example" $address
expect "exit code of all ports" 0 "$code"
expect "the port among all" 1 "$(lines out "^$port\$")"
expect "count of all" 1 "$(lines err ' of 65535 in')"

kill "$server"
wait "$server"
server=
run "$example" $address "$port" "$port"
expect "ports of nobody" "" "$(cat "$scratch/out")"

for bad in 0 65536 x ''; do
    run "$example" 127.0.0.1 "$bad"
    expect "exit code of port '$bad'" 2 "$code"
done
run "$example"
expect "exit code without a host" 2 "$code"
finish
