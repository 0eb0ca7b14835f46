#!/bin/sh
# fetch against a server that does what servers should not do: each URL's fate is told, and no file is
# wrong under its final name. URLS and SEED choose how many and which; KILLS, how often the command is
# killed in between and begun again with its journal, which then repeats nothing that is there.
# shellcheck source=tests/fetch/lib.sh
. "$(dirname "$0")/lib.sh"
urls=${URLS:-400}
start_faulty -s "${SEED:-1}"

# A fifth has checksums, and a tenth never gets a right answer. Forty hosts, of one machine.
make_list() {
    n=0
    while [ "$n" -lt "$urls" ]; do
        host=http://127.0.1.$((n % 40 + 1)):$port
        case $((n % 20)) in
        0 | 5 | 10 | 15)
            echo "/mixed/sum/$n"
            ;;
        1 | 11) echo "/never/$n" ;;
        2) echo "refused" ;;
        3) echo "tls" ;;
        *) echo "/mixed/$n" ;;
        esac | while read -r path; do
            case $path in
            refused) printf 'http://127.0.1.250:1/%s\tf%s\n' "$n" "$n" ;;
            tls) printf 'https://127.0.2.1:%s/good/%s\tf%s\n' "$port" "$n" "$n" ;;
            /mixed/sum/*)
                printf '%s%s\tf%s\tsha256=%s\n' "$host" "$path" "$n" \
                    "$("$VERIFY" -s "$path" | sha256sum | cut -d' ' -f1)"
                ;;
            *) printf '%s%s\tf%s\n' "$host" "$path" "$n" ;;
            esac
        done
        n=$((n + 1))
    done
}
make_list >list

# fetch MODEL ARGUMENT...: in place of this shell.
fetch() {
    model=$1
    shift
    exec "$OVERLAP" fetch -i list -d files --model "$model" -w "${WORKERS:-150}" --json --retry 4 --retry-delay 10ms \
        --speed-time 1 --speed-limit 300 --connect-timeout 5 --max-filesize 1M --host-failures 0 "$@" \
        >out 2>err </dev/null
}

# Files that are there, with what tells one file from another of its name.
published() {
    [ ! -d files ] || find files -name .overlap-fetch -prune -o -type f -printf '%p %i\n' | sort
}

# more_are_there COUNT PID: waits for so many files, however slow the machine is. 1: the command has ended before.
more_are_there() {
    until [ "$(published | wc -l)" -ge "$1" ]; do
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.05
    done
}

# look MODEL: whether all that was there before is there still, as it was; and the bytes of all that is.
look() {
    published >after
    [ -z "$(comm -23 before after)" ] || fail "$1: fetched again: $(comm -23 before after | head -5)"
    awk -F'\t' 'NR == FNR { sub(/^https?:\/\/[^\/]*/, "", $1); path["files/" $2] = $1; next }
        { sub(/ [0-9]*$/, ""); print path[$0] "\t" $0 }' list after | "$VERIFY" -l >verified ||
        fail "$1: $(head -5 verified)"
}

# kills MODEL: kill -9, again and again, each time once an eighth more is there. On a busy machine many more may be
# by then: the last times there is nothing left to be killed.
kills() {
    kill=0
    while [ "$kill" -lt "${KILLS:-0}" ]; do
        published >before
        (fetch "$1" --journal journal) &
        pid=$!
        if ! more_are_there $(($(wc -l <before) + urls / 8)) "$pid"; then
            wait "$pid"
            break
        fi
        kill -9 "$pid"
        wait "$pid" 2>/dev/null
        look "$1"
        kill=$((kill + 1))
    done
    [ "$kill" -gt 0 ] || [ "${KILLS:-0}" -eq 0 ] || fail "$1: it was never killed: $(tail -3 err)"
    published >before
}

for model in ${MODELS:-async}; do
    rm -rf files journal*
    kills "$model"
    (fetch "$model" ${KILLS:+--journal journal})
    [ $? -eq 1 ] || fail "$model: not all was told as it should be: $(tail -3 err)"
    fetch_document
    [ $(($(json 'done') + $(json failed))) -eq "$urls" ] || fail "$model: not each URL has a fate"
    [ "$(json not_started)" -eq 0 ] || fail "$model: some were not begun"
    [ "$(json 'done')" -ge $((urls / 3)) ] || fail "$model: only $(json 'done') were done"
    look "$model"

    # Each file that is there was told, and the other way round.
    sed -nE 's/^ *"file": "(files\/.*)",?$/\1/p' out | sort >told
    sed 's/ [0-9]*$//' after | sort >there
    cmp told there || fail "$model: what is there is not what was told: $(diff told there | head -5)"

    # A wrong answer never counts as done.
    ! grep -A1 '"url": ".*/never/' out | grep -q '"file": "' ||
        echo 'some that should never come right did: parts of several answers may make one'
done
"$OVERLAP" fetch -s -o - "$site/count" >count || fail 'the server is gone'
echo "$(cat count) faults, $(json 'done') done, $(json failed) failed"
[ "$(cat count)" -ge "$urls" ] || fail 'too few faults'
finish
