#!/bin/sh
# Compiles and runs every program of docs/tutorial.md as it stands there, and holds what it prints against the page.
set -u
: "${CC:?}" "${SOURCE:?}" "${BUILD:?}" "${OVERLAP:?}"
folder=$(mktemp -d) || exit 1
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 1' INT TERM
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
cd "$folder" || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# Each marked block becomes a file: NAME.c, NAME.expected.
awk '
    /^<!-- program: / { file = $3 ".c"; next }
    /^<!-- output: / { file = $3 ".expected"; next }
    /^```/ && file != "" && !open { open = 1; next }
    /^```$/ && open { close(file); file = ""; open = 0; next }
    open { print >file }' "$SOURCE/docs/tutorial.md"

for program in synchronous task squares outcomes ledger; do
    [ -s "$program.c" ] || { fail "$program is not on the page"; continue; }
    "$CC" -Wall -Wextra -Werror "$program.c" -I"$SOURCE/include" -L"$BUILD/lib" -loverlap -lcurl \
        -Wl,-rpath,"$BUILD/lib" -o "$program" || fail "$program does not compile"
done
set -- ./*.c
[ $# -eq 5 ] || fail 'there are other programs on the page than are tried here'

for expected in *.expected; do
    program=${expected%.expected}
    "./$program" >printed 2>errors || fail "$program exited with $?: $(cat errors)"
    diff "$expected" printed || fail "$program prints something else than the page says"
done

# The downloads: the same lines under every model, and under async in hardly more than one latency: in less than half the
# time that they take one after the other, but where the machine is held up meanwhile.
milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}
mkfifo address
"$OVERLAP" origin --latency 200ms >address &
server=$!
read -r url <address
urls=
for n in $(seq 20); do
    urls="$urls ${url}page$n?size=$((1000 + n))"
done
# shellcheck disable=SC2086 # one word a URL
{
    began=$(milliseconds)
    ./synchronous $urls >wanted 2>errors || fail "synchronous: $(cat errors)"
    one_by_one=$(($(milliseconds) - began))
    [ "$(grep -c '^10[0-9][0-9] bytes from http' wanted)" -eq 20 ] || fail "synchronous printed: $(cat wanted)"
    for how in 'threads 5' 'processes 2' 'async 20' 'async 20' 'async 20'; do
        began=$(milliseconds)
        ./task $how $urls >printed 2>errors || fail "$how: $(cat errors)"
        took=$(($(milliseconds) - began))
        diff wanted printed || fail "$how prints something else"
        [ "$how" != 'async 20' ] || [ "$took" -ge $((one_by_one / 2)) ] || break
    done
}
[ "$took" -lt $((one_by_one / 2)) ] || fail "twenty waits of 200 ms took async $took ms: they did not overlap"
[ "$failures" -eq 0 ]
