#!/bin/sh
# Proves that clients of networks run unmodified in coroutines; hiredis against a Redis server.
#
#     clients.sh PROGRAM
set -eu
command -v redis-server >/dev/null || { echo 'redis-server is not installed'; exit 77; }
scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
redis-server --port 0 --unixsocket "$scratch/socket" --save '' --dir "$scratch" >"$scratch/log" 2>&1 &
server=$!
# It makes its socket in the moment in which it takes connections.
while [ ! -S "$scratch/socket" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$scratch/log" >&2; exit 1; }
    sleep 0.05
done
"$1" "$scratch/socket"
