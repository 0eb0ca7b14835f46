#!/bin/sh
# compare: tables, JSON, real URLs, sites that refuse, failures that are named.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"
models='sync threads async processes auto'

# document: holds ./out against the schema.
document() {
    "$SCHEMA_CHECK" "$SCHEMA" <out || fail "not as the schema has it: $(cat out)"
}

# Both programs, every model: everything is done, and everything is verified.
expect 0 compare --downloads 12 --latency 5ms --sums 6 --number 100000 --json
document
[ ! -s err ] || fail "it said: $(cat err)"
for model in $models; do
    [ "$(grep -c "\"model\": \"$model\"" out)" -ge 2 ] || fail "$model is not in both programs"
done
[ "$(grep -c '"done": 12,' out)" -eq 5 ] || fail 'some downloads were not done'
[ "$(grep -c '"done": 6,' out)" -eq 5 ] || fail 'some sums were not done'
says out '"bound": "cpu"'

expect 0 compare --downloads 8 --latency 30ms --sums 4 --number 1000
says out '^8 downloads, 30 ms latency, 2 sites$'
says out '^4 sums of squares below 1000 + x$'
[ "$(grep -c '^Verdict: ' out)" -eq 2 ] || fail "there are not two verdicts: $(cat out)"
for model in $models; do
    [ "$(grep -c "^$model  *[1-9]" out)" -eq 2 ] || fail "$model is not in both tables"
done

# A function of the user's own, its items from a file and from standard input; predictions beside measures.
seq 30 >items
expect 0 compare "$TASKS:sleep_on" -i items --json
document
says out '"items": 30,'
says out '"bound": "io"'
[ "$(grep -c '"done": 30,' out)" -eq 5 ] || fail 'some items were not done'
[ "$(grep -c '"predicted_seconds": [0-9]' out)" -eq 4 ] || fail "not four predictions: $(cat out)"
[ "$(grep -c '"predicted_seconds": null' out)" -eq 1 ] || fail 'sync was predicted'
"$OVERLAP" compare --command "$TASKS:sleep_on" --models sync,auto <items >out || fail 'standard input'
says out '^30 items, '
says out '^auto came to async: '
printf 'a\nfail\ncrash\nb' >items
expect 1 compare "$TASKS:sleep_on" -i items --models processes --json
document
says out '"done": 2,'
says out '"failed": 2,'
says err 'item 2: fail: the function returned 42'
says err 'item 3: crash: .*SIGABRT'
# Tasks of next to no time: no time and no factor is told as nothing.
seq 3 >items
expect 0 compare "$TASKS:nothing" -i items --report page.html
says out '^sync '
if grep -q ' 0\.00* s\| 0\.00*[×x]' out; then fail "something is told as nothing: $(cat out)"; fi
if grep -q '>0\.00*<' page.html; then fail "the page tells something as nothing: $(cat page.html)"; fi
# One that ends its process ends one model's run, and no more: that is told, and the others run all the same.
printf 'a\ncrash\nb' >items
expect 1 compare "$TASKS:sleep_on" -i items --json
document
[ "$(grep -c '"crash": "crashed with SIGABRT (Aborted)"' out)" -eq 4 ] || fail "not four crashes: $(cat out)"
[ "$(grep -c '"crash": null' out)" -eq 1 ] || fail 'processes crashed too'
for model in sync threads async auto; do
    says err "$model: .*sleep_on crashed with SIGABRT"
done
says err 'processes: item 2: crash: .*SIGABRT'
[ "$(grep -c 'an item crashes alone' err)" -eq 1 ] || fail "what to do about it is not said once: $(cat err)"
printf 'a\nexit\nb' >items
expect 1 compare "$TASKS:sleep_on" -i items --models threads,sync
says out '^threads .* crashed '
says out '^sync .* crashed '
says err 'sync: .*sleep_on ended its process with exit code 3'
expect 0 compare "$TASKS:sleep_on" --json </dev/null
document
expect 3 compare "$TASKS:no_such" -i items
says err "has no function 'no_such'"
expect 3 compare "$TASKS:no_function" -i items
says err "'no_function' in .* is data; name a function"
expect 2 compare cpu -i items
says err '--input is for a function of your own'
expect 3 compare ./no-such.so:function -i items
says err 'cannot read ./no-such.so: No such file'
expect 3 compare ./items:function -i items
says err 'cannot load '
expect 3 compare "$TASKS:sleep_on" -i no-such-file
says err 'cannot read the items in no-such-file: No such file'
expect 2 compare "$TASKS" -i items
says err 'names no function'
expect 2 compare "$TASKS:sleep_on" "$TASKS:sleep_on"
says err 'give one function'

# What it leaves beside its output.
expect 0 compare cpu --sums 4 --number 100000 --report page.html --trace trace.json --timeline
says out '^cpu, auto$'
says page.html '4 sums of squares'
says page.html 'predicted seconds'
says trace.json '"traceEvents"'
expect 0 compare cpu --models auto --timeline
says out '^cpu, auto$'
! grep -E '^worker [0-9]+ *$' out || fail 'a worker that has run nothing has a line of its own'
expect 3 compare cpu --sums 1 --number 10 --report no/such/folder/page.html
[ ! -s out ] || fail 'it worked although its page could not be written'

# Without a terminal: no colour, and no progress; in an ASCII locale no other characters.
! grep -q "$(printf '\033')" out err || fail 'escape sequences without a terminal'
LC_ALL=C expect 0 compare cpu --sums 2 --number 10 --models sync
[ "$(LC_ALL=C tr -d '\n -~' <out | wc -c)" -eq 0 ] || fail 'other characters than ASCII in its locale'
for columns in 20 40 60 80 120; do
    COLUMNS=$columns LC_ALL=C expect 0 compare io --downloads 4 --latency 5ms --models sync,async
    widest=$(awk 'length > widest { widest = length } END { print widest }' out)
    [ "$widest" -le "$columns" ] || [ "$columns" -lt 40 ] || fail "$widest columns wide in $columns"
done

# Progress as lines, where it is asked for.
expect 0 compare cpu --sums 2 --number 10 --models sync --progress always
says err '^cpu sync: 0 of 2 sums, 0.0 s$'
says err '^cpu sync: 2 of 2 sums, '
expect 0 compare cpu --sums 2 --number 10 --models sync --progress never
[ ! -s err ] || fail 'progress though it was not wanted'

# Python's names, the order that was asked for, and the number of workers.
expect 0 compare io --downloads 6 --latency 1ms --models asyncio,threading -w 3 --json
document
[ "$(grep -c '"workers": 3' out)" -eq 2 ] || fail '-w was not kept'
[ "$(grep '"model": "' out | head -1 | tr -d ' ,')" = '"model":"async"' ] || fail 'the order was not kept'
says out '"speedup": null'
expect 0 compare cpu --sums 3 --number 10 --models sync,threads -w 2 --json
[ "$(grep -c '"workers": 1,' out)" -ge 1 ] || fail '-w changed sync'

# Real URLs: a server of our own beside it, in turns.
start_origin --size 5000
expect 0 compare io --url "${url}one" --url "${url}two" --downloads 10 --json
document
[ "$(grep -c '"done": 10,' out)" -eq 5 ] || fail 'some URLs were not downloaded'
[ ! -s err ] || fail "it said: $(cat err)"
stop_origin TERM
says origin.err 'served [0-9]* connections and 50 requests'

# A site that refuses: every model, every download, named and counted; the rest of the run goes on.
expect 1 compare --url "${url}gone" --downloads 5 --sums 2 --number 10 --json
document
[ "$(grep -c '"failed": 5,' out)" -eq 5 ] || fail 'a site that refuses was not counted as failed'
[ "$(grep -c '"done": 2,' out)" -eq 5 ] || fail 'the other program did not run'
for model in $models; do
    says err "$model: ${url}gone: .*Connection refused; is a server running there"
    says err "$model: and 4 more of the 5 downloads: "
done
expect 1 compare io --url http://nobody.invalid/ --downloads 2 --models async
says err 'nobody.invalid.*check the host'

# A status that is an error, and an answer that takes too long.
start_origin --latency 1s
expect 1 compare io --url "${url}x?size=wrong" --downloads 1 --models sync
says err 'answered with status 400'
expect 1 compare io --url "$url" --downloads 4 --models async,threads --timeout 100ms
says err 'async: .*give it longer with --timeout'
stop_origin TERM
expect 0 compare io --downloads 2 --latency 5s --timeout 4s --models async

# The environment's proxy is not asked for pages of this machine.
http_proxy=http://127.0.0.1:1 expect 0 compare io --downloads 2 --latency 0ms --models sync

# Sums are exact beyond 64 bits, and every size of page is verified.
expect 0 compare cpu --sums 2 --number 6000000 --models sync,threads
expect 0 compare io --downloads 4 --latency 0ms --size 5M --models threads,async
expect 0 compare io --downloads 4 --latency 0ms --size 0 --models async
expect 0 compare cpu --sums 3 --number 0 --models sync,async
finish
