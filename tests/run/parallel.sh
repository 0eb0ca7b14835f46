#!/bin/sh
# parallel.sh CASES OVERLAP: prints a table of what GNU parallel and `overlap run` do in each case, as Markdown.
# shellcheck disable=SC2016,SC2094 # a page in Markdown; two files of one name in two folders
set -u
cases=$1
overlap=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
export HOME="$folder" PARALLEL_HOME="$folder"
cd "$folder" || exit 1

# run_in WHO COMMAND...: its output in ./WHO.out, its exit code in ./WHO.code; the input is in ./input.
run_in() {
    who=$1
    shift
    timeout 300 "$@" <input >"$who.out" 2>/dev/null
    echo $? >"$who.code"
}

# code TEXT: as code in a cell of a table.
code() {
    printf '`%s`' "$(printf '%s' "$1" | sed 's/|/\\|/g; s/`/ʼ/g' | sed ':a;N;$!ba;s/\n/ ⏎ /g')"
}

# shown FILE CODE: what was printed, and the exit code where it is not 0.
shown() {
    text=$(tr '\0\001' '??' <"$1" | head -c 120)
    [ -z "$text" ] || code "$text"
    [ "$2" -eq 0 ] || printf ' exit %s' "$2"
}

printf '| | case | input | GNU parallel | overlap run | |\n|---|---|---|---|---|---|\n'
number=0
grep -v '^#' "$cases" >cases
tab=$(printf '\t')
while IFS= read -r line; do
    number=$((number + 1))
    arguments=$(printf '%s' "$line" | cut -f1)
    input=$(printf '%s' "$line$tab" | cut -f2)
    more=$(printf '%s' "$line$tab$tab" | cut -f3)
    note=$(printf '%s' "$line$tab$tab$tab" | cut -f4)
    printf '%b' "$input" >input
    eval "run_in parallel parallel --will-cite $arguments"
    eval "run_in overlap '$overlap' run $more $arguments"
    same=same
    cmp -s parallel.out overlap.out && cmp -s parallel.code overlap.code || same=differs
    [ -z "$input" ] || input=$(code "$input")
    printf '| %s | %s | %s | %s | %s | %s |\n' "$number" "$(code "$arguments")" "$input" \
        "$(shown parallel.out "$(cat parallel.code)")" "$(shown overlap.out "$(cat overlap.code)")" \
        "$same${more:+, with $more}${note:+: $note}"
done <cases
