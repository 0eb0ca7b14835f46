#!/bin/sh
# What is printed: whole, in order, tagged, in files, as JSON; and what cannot be.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"

# Each job writes its lines in pieces; lines of jobs that run at once must not mix.
cat >chatter <<'END'
#!/bin/sh
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    printf '%s-' "$1"
    printf '%s\n' "$n"
done
END
chmod +x chatter
seq 40 >items
"$OVERLAP" run -w8 -i items ./chatter >out 2>err || fail "chatter: $(cat err)"
awk -F- 'NR % 20 == 1 { job = $1; next_line = 1; if (seen[job]++) bad = 1 }
    $1 != job || $2 != next_line++ { bad = 1 } END { exit bad || NR != 800 }' out ||
    fail 'grouped output is mixed'
"$OVERLAP" run -w8 --line-buffer -i items ./chatter >out 2>err || fail "chatter: $(cat err)"
[ "$(sort out | uniq | wc -l)" -eq 800 ] || fail '--line-buffer tore a line'
grep -qvE '^[0-9]+-[0-9]+$' out && fail '--line-buffer tore a line'

# In order, though the first ends last; and what has no end of line.
"$OVERLAP" run -k -w4 -- sh -c 'test {} = 1 && sleep 0.3; printf "%s " {}' ::: 1 2 3 4 >out
[ "$(cat out)" = '1 2 3 4 ' ] || fail "-k: $(cat out)"

"$OVERLAP" run -k --tag -- sh -c 'echo out; echo err >&2; printf end' ::: a b >out 2>err
printf 'a\tout\na\tendb\tout\nb\tend' | cmp -s - out || fail "--tag: $(cat out)"
printf 'a\terr\nb\terr\n' | cmp -s - err || fail "--tag: $(cat err)"
"$OVERLAP" run -k --tagstring '{#}:{}' echo ::: x y >out
printf '1:x\tx\n2:y\ty\n' | cmp -s - out || fail "--tagstring: $(cat out)"
"$OVERLAP" run --line-buffer --tag -- sh -c 'echo one; printf two' ::: a >out
printf 'a\tone\na\ttwo\n' | cmp -s - out || fail "--line-buffer --tag: $(cat out)"
"$OVERLAP" run --line-buffer --results stored -- echo ::: a >out
cat out stored/1/a/stdout >both
printf 'a\na\n' | cmp -s - both || fail "--line-buffer --results: $(cat both)"

# As it comes: the first line is there while the job still runs.
mkfifo go
"$OVERLAP" run --line-buffer -- sh -c 'echo early; read line <go; echo late' ::: a >out 2>err &
pid=$!
await grep -q early out || fail '--line-buffer held a line back'
grep -q late out && fail 'the job did not wait'
echo >go
wait "$pid" || fail "--line-buffer: $(cat err)"

# More output than memory is kept for, of jobs that wait for their turn.
"$OVERLAP" run -k -w4 -- sh -c 'test {} = 1 && sleep 0.5; head -c 20000000 /dev/zero | tr "\0" {}' ::: 1 2 3 4 |
    tr -d '\n' | cksum >out
for n in 1 2 3 4; do head -c 20000000 /dev/zero | tr '\0' "$n"; done | cksum | cmp -s - out ||
    fail 'large output is not what was written'

# Standard input is empty, and what a job leaves running is not waited for.
echo secret | "$OVERLAP" run -- sh -c 'cat; echo {}' ::: a >out
[ "$(cat out)" = a ] || fail "a job's standard input is not empty"
"$OVERLAP" run -- sh -c 'sleep 1000 & echo $! >left; echo {}' ::: a >out
kill "$(cat left)" || fail 'a process in the background was waited for'
[ "$(cat out)" = a ] || fail "a job with a process in the background: $(cat out)"

# Results in files, whose names lead nowhere else.
expect 0 run --results r -w1 -- sh -c 'echo out-{}; echo err-{} >&2' ::: a ../b . '' a
[ "$(cat r/1/a/stdout)" = out-a ] || fail 'results: a'
[ "$(cat r/1/..%2Fb/stderr)" = err-../b ] || fail 'results: ../b'
[ "$(cat r/1/%2E/stdout)" = out-. ] || fail 'results: .'
[ "$(cat r/1/%/stdout)" = out- ] || fail 'results: no name'
[ "$(cat r/1/a~5/stdout)" = out-a ] || fail 'results: the second a'
expect 3 run --results items/r true ::: a
says err '--results items/r: cannot write there'

# JSON: valid, by the schema, and it adds up.
"$OVERLAP" run --json -- sh -c 'exit {}' ::: 0 3 0 >out 2>err
[ $? -eq 1 ] || fail '--json: not exit code 1'
"$SCHEMA_CHECK" "$SCHEMA" <out || fail "--json is not by its schema: $(cat out)"
says out '"done":2,"failed":1,"not_started":0'
"$OVERLAP" run --json -- echo 'out put' ::: a >out 2>err
says err '^out put a$'
grep -q 'out put' out && fail "--json: a job's output is in the document"
"$OVERLAP" run --json true <items >out 2>err
"$SCHEMA_CHECK" "$SCHEMA" <out || fail '--json of 40 items is not by its schema'
"$OVERLAP" run --json true </dev/null >out 2>err
"$SCHEMA_CHECK" "$SCHEMA" <out || fail "--json of nothing is not by its schema: $(cat out)"
"$OVERLAP" run --json-lines true ::: a b >out
[ "$(wc -l <out)" -eq 3 ] || fail "--json-lines: $(cat out)"
tail -n 1 out | grep -q '"done":2,"failed":0,"not_started":0' || fail "--json-lines: $(cat out)"

# A report and a trace, of two jobs that wait for each other.
mkfifo meeting
expect 0 run --report report.html --trace trace.json -w2 -- \
    sh -c 'if [ {} = 1 ]; then read line <meeting; else echo >meeting; fi' ::: 1 2
says report.html '<html'
says report.html 'job slot 2'
says trace.json '"traceEvents"\|"ph":"X"'
expect 3 run --report nowhere/report.html true ::: a
says err '--report nowhere/report.html'

# A job that closes its output and goes on ends when its process does.
expect 0 run -w2 -- sh -c 'echo {}; exec >&- 2>&-; sleep 0.1; echo {} >>closed' ::: 1 2
[ "$(sort out)" = "$(printf '1\n2')" ] || fail "closed output: $(cat out)"
[ "$(wc -l <closed)" -eq 2 ] || fail "closed output: $(cat closed)"

# Output that cannot be written: told, and nothing more begins.
"$OVERLAP" run echo ::: a b >/dev/full 2>err
[ $? -eq 3 ] || fail 'a full disk: not exit code 3'
says err 'cannot write to standard output: No space left on device; make room'
"$OVERLAP" run echo ::: a b >&- 2>err
[ $? -eq 3 ] || fail 'standard output closed: not exit code 3'
# Nor can output be kept: the rest would run in vain.
seq 200 >items
(
    # shellcheck disable=SC3045 # every shell that is /bin/sh on Debian has it
    ulimit -f 400
    "$OVERLAP" run -w2 -i items -- sh -c 'exec dd if=/dev/zero bs=1M count=10' >kept 2>err
    echo $? >code
)
[ "$(cat code)" -eq 3 ] || fail "no room for output: exit code $(cat code): $(cat err)"
[ "$(grep -c 'make room in .*--tmpdir' err)" -eq 1 ] || fail "no room for output: $(cat err)"
says err ' done, .* failed, 1[0-9][0-9] not started'
expect 3 run --tmpdir nowhere -w2 -i items -- sh -c 'exec dd if=/dev/zero bs=1M count=10'
says err 'cannot keep the output of jobs: No such file'
seq 100000 >many
{ "$OVERLAP" run -w2 -i many echo 2>err; echo $? >code; } | head -n 1 >/dev/null
[ "$(cat code)" -eq 3 ] || fail "a reader that went away: exit code $(cat code), not 3"
says err 'its reader went away'
says err ' done, .* failed, .* not started'
finish
