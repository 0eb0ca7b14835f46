#!/bin/sh
# On an old kernel, in a container where threads may not be placed, everything goes on by other ways.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"
: "${OLD_KERNEL:?}"
"$OLD_KERNEL" true || exit 77
cat >sandboxed <<END
#!/bin/sh
exec "$OLD_KERNEL" "$OVERLAP" "\$@"
END
chmod +x sandboxed
OVERLAP=$PWD/sandboxed

expect 0 compare io --downloads 20 --latency 5ms --json
[ ! -s err ] || fail "compare io: $(cat err)"
"$SCHEMA_CHECK" "$SCHEMA" <out || fail 'compare io: not as the schema has it'
expect 0 compare cpu --sums 4 --number 1000 --json
[ ! -s err ] || fail "compare cpu: $(cat err)"

# Without descriptors of processes: a job ends though what it has left running holds its output, and where it holds none
# itself, its time is kept all the same.
mkfifo goes_on
expect 0 run -- sh -c 'cat goes_on & echo $! >left; echo {}' ::: a b
[ "$(sort out | tr '\n' ' ')" = 'a b ' ] || fail "run: $(cat out)"
kill "$(cat left)"
: <>goes_on
expect 1 run --timeout 0.2s -- sh -c 'exec >&- 2>&-; sleep {}' ::: 60
says err 'timed out'
finish
