#!/bin/sh
# fetch when things go wrong around it: Ctrl-C, kill -9 with a journal, a full disk, no descriptors, another
# run in the same folder.
# shellcheck source=tests/fetch/lib.sh
. "$(dirname "$0")/lib.sh"
start_faulty -s 1
: "${END_MS:=8500}"

# Nothing under a final name but whole pages: LIST has names behind tabs.
verify_all() {
    awk -F'\t' -v folder="$1" '{ sub(/^https?:\/\/[^\/]*/, "", $1); print $1 "\t" folder "/" $2 }' list |
        while IFS="$(printf '\t')" read -r path file; do
            [ ! -e "$file" ] || printf '%s\t%s\n' "$path" "$file"
        done | "$VERIFY" -l >verified || fail "$1: $(head -3 verified)"
}

# Ctrl-C: soon gone, what was done is told, what was not begun is counted.
seq 300 | awk -v site="$site" '{ print site "/good/" $1 "\tn" $1 }' >list
for n in 1 2 3 4 5 6; do
    printf '%s/stall-before/99/%s\tstall%s\n' "$site" "$n" "$n"
done >stalls

requests() {
    "$OVERLAP" fetch -s -o - "$site/requests"
}

# shellcheck disable=SC2317 # await calls it
more_than() {
    [ "$(requests)" -gt "$1" ]
}

# Whether the server has nothing left to do of those who were killed: what they asked for is counted by then.
# shellcheck disable=SC2317 # await calls it
has_settled() {
    [ "$("$OVERLAP" fetch -s -o - "$site/connections")" -eq 1 ]
}

for model in async threads sync processes; do
    before=$(requests)
    "$OVERLAP" fetch -i stalls -i list -d "int-$model" --model "$model" -w 2 --json >out 2>err </dev/null &
    pid=$!
    await sh -c "ls int-$model 2>/dev/null | grep -q . || [ -e int-$model/.overlap-fetch ]"
    await more_than "$before" || fail "$model: it asked for nothing"
    kill -INT "$pid"
    ends_in_time "$pid" $((END_MS + 1500)) || fail "$model: $ended_after ms until it ended"
    wait "$pid"
    code=$?
    [ "$code" -eq 130 ] || fail "$model: exit code $code on Ctrl-C: $(cat err)"
    fetch_document
    [ "$(json not_started)" -gt 200 ] || fail "$model: $(json not_started) not started"
    says err 'interrupted'
done

# Two signals at one moment, as timeout sends them to a process and to its group, are one: what was done is told.
"$OVERLAP" fetch -i stalls -i list -d int-two -w 2 --json >out 2>err </dev/null &
pid=$!
await test -e int-two/.overlap-fetch || fail 'two signals: nothing was begun'
kill -STOP "$pid"
kill -INT "$pid"
kill -TERM "$pid"
kill -CONT "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || fail "two signals at one moment: exit code $code"
fetch_document
says err 'interrupted'

# kill -9 at any moment, under every model: the next call does the rest, and repeats nothing that was recorded.
for model in async threads processes sync; do
    rm -rf kept kept.db*
    for delay in 0.05 0.1 0.15 0.2 0.3; do
        "$OVERLAP" fetch -i list -d kept --journal kept.db --model "$model" -w 3 --limit-rate-total 3M -s >/dev/null 2>&1 </dev/null &
        pid=$!
        sleep "$delay"
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        [ ! -d kept ] || verify_all kept
    done
    await has_settled || fail "$model: connections of a command that was killed stay"
    before=$(requests)
    expect 0 fetch -i list -d kept --journal kept.db --model "$model" --json
    fetch_document
    equals 'done' 300
    after=$(requests)
    journalled=$(grep -c '"journal": true' out)
    [ $((after - before + journalled)) -eq 300 ] ||
        fail "$model: $((after - before)) requests, and $journalled of 300 were recorded"
    [ "$(find kept -type f | wc -l)" -eq 300 ] || fail "$model: files: $(find kept -type f | wc -l)"
    verify_all kept
done

# A part that a killed run left is gone on with.
expect 1 fetch "$site/truncate/1/big?size=4000000" -o resumed --retry 0
[ -e .overlap-fetch/resumed.part ] || fail 'no part was left'
expect 0 fetch "$site/truncate/1/big?size=4000000" -o resumed --json
[ "$(json bytes)" -lt 3000000 ] || fail "the part was not gone on with: $(json bytes) bytes came"
holds "/truncate/1/big?size=4000000" resumed
[ ! -e .overlap-fetch ] || fail "parts were left: $(ls -A .overlap-fetch)"

# A disk that is full: told once, exit code 3, and the rest counted.
(
    ulimit -f 100
    "$OVERLAP" fetch "$site/good/huge?size=1000000" -i list -d full --json -w 2 2>err </dev/null
    echo $? >code
) | cat >out
code=$(cat code)
[ "$code" -eq 3 ] || fail "a file that may not grow: exit code $code: $(cat err)"
says err 'cannot write its file'
fetch_document
[ ! -e 'full/huge' ] || fail 'half a file has its final name'

# So is a journal that cannot be written.
seq -f "$site/good/%.0f?size=100" 300 >small
for model in async processes; do
    (
        ulimit -f 300
        "$OVERLAP" fetch -i small -d "unrecorded-$model" --journal "full-$model.db" --model "$model" --json -w 2 2>err </dev/null
        echo $? >code
    ) | cat >out
    [ "$(cat code)" -eq 3 ] || fail "$model: a journal that may not grow: exit code $(cat code): $(cat err)"
    fetch_document
    says err '^overlap fetch: --journal full'
    says err 'the journal could not be written'
    ! grep -q 'cannot write its file' err || fail "$model: a journal that may not grow: $(cat err)"
done

# Few descriptors: fewer transfers at once, and all done.
(
    # shellcheck disable=SC3045 # every shell that is /bin/sh on Debian has it
    ulimit -n 40
    "$OVERLAP" fetch -i list -d few -w 200 --json >out 2>err </dev/null
)
code=$?
[ "$code" -eq 0 ] || fail "with few descriptors: exit code $code: $(tail -3 err)"
equals 'done' 300

# A transfer that waits for its answer holds a connection, and later its file: none of libcurl's own.
# shellcheck disable=SC2317 # await calls it
are_connected() {
    [ "$("$OVERLAP" fetch -s -o - "$site/connections")" -gt "$1" ]
}

await has_settled || fail 'the server has connections left'
for n in $(seq 20); do
    printf '%s/stall-before/99/%s\tfew%s\n' "$site" "$n" "$n"
done >waits
sh -c 'ulimit -n 64; exec "$0" fetch -i waits -d few-waits -w 20' "$OVERLAP" >out 2>err </dev/null &
pid=$!
await are_connected 20 || fail "not 20 transfers at once with 64 descriptors: $(cat err)"
kill -INT "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || fail "20 transfers with 64 descriptors: exit code $code: $(cat err)"

# So few that there is no beginning, or one at a time; processes hold descriptors too.
sh -c 'ulimit -n 12; exec "$0" fetch -i list -d none' "$OVERLAP" >out 2>err </dev/null
[ $? -eq 3 ] || fail "with 12 descriptors: $(cat out err)"
says err 'ulimit -n, 12) is too low'
sh -c 'ulimit -n 17; exec "$0" fetch -i list -d none --journal none.db' "$OVERLAP" >out 2>err </dev/null
[ $? -eq 3 ] || fail "with 17 descriptors and a journal: $(cat out err)"
says err 'ulimit -n, 17) is too low'
head -4 list >short
for few in 20 64; do
    (
        # shellcheck disable=SC3045
        ulimit -n "$few"
        "$OVERLAP" fetch -i short -d "few-$few" --model processes --json >out 2>err </dev/null
    ) || fail "processes, $few descriptors: $(tail -3 err)"
    equals 'done' 4
done

# Two runs at once in one folder: each file is one of theirs, whole.
"$OVERLAP" fetch -i list -d both --overwrite -s &
first=$!
"$OVERLAP" fetch -i list -d both --overwrite -s || fail 'the second run in one folder'
wait "$first" || fail 'the first run in one folder'
verify_all both
[ "$(find both -type f | wc -l)" -eq 300 ] || fail 'files of two runs are missing'
finish
