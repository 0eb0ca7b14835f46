#!/bin/sh
# Proves that the checksums are those of sha256sum, whatever the files are called.
#
#     checksum.sh EXAMPLE
example=$1
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"

mkdir -p "$scratch/tree/b c" "$scratch/tree/a"
: >"$scratch/tree/empty"
seq 100000 >"$scratch/tree/a/large"
for n in $(seq 200); do
    echo "$n" >"$scratch/tree/b c/file $n"
done
ln -s nowhere "$scratch/tree/a/link"

run "$example" "$scratch/tree"
expect "exit code" 0 "$code"
expect "files" 202 "$(wc -l <"$scratch/out" | tr -d ' ')"
expect "sums" "" "$(sha256sum --check --quiet "$scratch/out" 2>&1)"
expect "order" "$(sed 's/^[0-9a-f]*  //' "$scratch/out")" "$(find "$scratch/tree" -type f | LC_ALL=C sort)"

run "$example" "$scratch/none"
expect "exit code of no folder" 1 "$code"
expect "message" 1 "$(lines err 'none: No such file')"
run "$example"
expect "exit code without a folder" 2 "$code"
command="$example >/dev/full"
"$example" "$scratch/tree" >/dev/full 2>"$scratch/err"
expect "exit code with a full disk" 3 $?
finish
