#!/bin/sh
# The journal and the joblog: what a second call does, after any end of the first.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"

counts() {
    says out "\"done\":$1,\"failed\":$2,\"not_started\":$3,\"from_journal\":$4,"
}

# A second call does what is left, and repeats nothing.
cat >job <<'END'
#!/bin/sh
echo "$1" >>ran
test "$1" != bad || test -e mended
END
chmod +x job
expect 1 run --json --journal j ./job ::: a bad c c
counts 3 1 0 0
expect 1 run --json --journal j ./job ::: a bad c c d
counts 4 1 0 4
says out '"item":"bad".*"attempts":0,"journal":true'
says err '1 failed in a call before; --retry-failed runs it again'
[ "$(sort ran | tr '\n' ' ')" = 'a bad c c d ' ] || fail "ran: $(cat ran)"
# Equal items are separate tasks: a third c is new.
expect 0 run --json --journal j ./job ::: c c c
counts 3 0 0 2
touch mended
expect 0 run --json --journal j --retry-failed ./job ::: a bad c c d
counts 5 0 0 4
expect 0 run --json --journal j ./job ::: a bad c c d
counts 5 0 0 5
[ "$(grep -c bad ran)" -eq 2 ] || fail "bad ran $(grep -c bad ran) times"

# Another command is not taken for the same, unless told.
expect 2 run --journal j echo ::: a
says err 'made for another command (./job {})'
expect 0 run --json --journal j --resume true ::: a
counts 1 0 0 1
echo 'not a journal' >text
expect 3 run --journal text true ::: a
says err '--journal text: not a journal'
expect 3 run --journal nowhere/j true ::: a
says err '--journal nowhere/j: cannot open it'
expect 2 run --resume true ::: a
says err 'add --journal FILE'

# Two at once: the second is refused, and harms nothing.
mkfifo go
"$OVERLAP" run --journal two -- sh -c 'read line <go' ::: a 2>first &
pid=$!
await test -s two || fail 'no journal was made'
expect 3 run --journal two -- sh -c 'read line <go' ::: a
says err 'another overlap uses it now'
echo >go
wait "$pid" || fail "the first of two: $(cat first)"

# Killed at some moment, again and again: what was recorded is not repeated, what was cut off is not
# recorded, and in the end each is done. However slow the kills come, no job ends once ./most have.
cat >step <<'END'
#!/bin/sh
echo "$1" >>begun
until [ "$(wc -l <ended)" -lt "$(cat most)" ]; do sleep 0.02; done 2>/dev/null
sleep 0.02
echo "$1" >>ended
END
chmod +x step
# recorded: the items of which the journal has an entry by now, in order.
recorded() {
    python3 -c 'import sqlite3
for item, in sqlite3.connect("file:kills?mode=ro", uri=True).execute("SELECT item FROM tasks"):
    print(item.decode() if isinstance(item, bytes) else item)' | sort
}
seq 240 >many
: >ended
echo 30 >most
rounds=0
until "$OVERLAP" run --json --journal kills -w4 -i many ./step >out 2>err; do
    rounds=$((rounds + 1))
    [ "$rounds" -lt 100 ] || exit 1
done &
loop=$!
kills=0
while [ "$kills" -lt 12 ]; do
    sleep 0.02
    # A few have come to an end since the last time.
    [ "$(wc -l <ended)" -ge $((12 * kills + 6)) ] || continue
    recorded >had 2>/dev/null
    [ -s had ] || continue
    before=$(wc -l <begun)
    victim=$(pgrep -P "$loop" -x overlap | head -n 1)
    [ -n "$victim" ] || continue
    kill -KILL "$victim" 2>/dev/null || continue
    mv had "had.$kills"
    echo "$before" >"begun.$kills"
    kills=$((kills + 1))
    echo $((12 * kills + 30)) >most
done
echo 1000 >most
wait "$loop" || fail "it never came to an end: $(cat err)"
"$OVERLAP" run --json --journal kills -w4 -i many ./step >out 2>err
counts 240 0 0 240
[ "$(sort -u ended | wc -l)" -eq 240 ] || fail "only $(sort -u ended | wc -l) of 240 came to an end"
while [ "$kills" -gt 0 ]; do
    kills=$((kills - 1))
    tail -n +$(($(cat "begun.$kills") + 1)) begun | sort | comm -12 - "had.$kills" >again
    [ ! -s again ] || fail "recorded, and run again after kill $kills: $(tr '\n' ' ' <again)"
done

# Output that cannot be stored is lost, and its job is not recorded: a later call runs it again.
set -- --json --journal kept --results stored -w1 -- \
    sh -c 'if [ {} = b ] && [ ! -e room ]; then mkdir -p stored/1; : >stored/1/b; fi; echo {}' ::: a b c
expect 3 run "$@"
[ "$(number 'done')" = 1 ] || fail "no room for results: $(cat out)"
says err "'b': cannot store its output: Not a directory"
rm stored/1/b
touch room
expect 0 run "$@"
counts 3 0 0 1
[ "$(cat stored/1/a/stdout stored/1/b/stdout stored/1/c/stdout | tr -d '\n')" = abc ] || fail 'results were lost'

# The joblog is GNU parallel's.
expect 1 run --joblog log -k -- sh -c 'exit {}' ::: 0 3
head -n 1 log | grep -q '^Seq	Host	Starttime	JobRuntime	Send	Receive	Exitval	Signal	Command$' ||
    fail "joblog: $(cat log)"
awk -F'\t' '$1 == 2 && $7 == 3 && $8 == 0 && $9 == "sh -c '"'exit 3'"'" { found = 1 } END { exit !found }' log ||
    fail "joblog: $(cat log)"
expect 1 run --json --joblog log --resume -- sh -c 'exit {}' ::: 0 3 0
counts 2 1 0 2
expect 0 run --json --joblog log --retry-failed -- true ::: 0 3 0
counts 3 0 0 2
expect 3 run --joblog nowhere/log true ::: a
says err '--joblog nowhere/log: cannot open it'
expect 3 run --joblog /dev/full true ::: a
says err '--joblog /dev/full: cannot write it'
finish
