#!/bin/sh
# Proves that a CPU-bound example's sums are exact, beyond 2^64 too, and that it refuses what is no number.
#
#     cpu.sh EXAMPLE
example=$1
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"

# The expected sums were computed apart from the program, by Python: sum(i * i for i in range(n)).
run "$example" 0 1 2 10 5000000 4000000
expect "exit code" 0 "$code"
expect "sums" "Sum 0 below 0
Sum 0 below 1
Sum 1 below 2
Sum 285 below 10
Sum 41666654166667500000 below 5000000
Sum 21333325333334000000 below 4000000" "$(sed '$d' "$scratch/out")"
expect "last line" 1 "$(tail -n 1 "$scratch/out" | grep -c '^Duration [0-9]*\.[0-9]* seconds$')"
expect "errors" "" "$(cat "$scratch/err")"

run "$example"
expect "exit code of the default" 0 "$code"
expect "sums of the default" 20 "$(lines out '^Sum [0-9]* below 50000[0-9][0-9]$')"
expect "the last sum" 1 "$(lines out '^Sum 41667129168377502109 below 5000019$')"

for bad in x -1 1.5 "" " 1" +1 1000000000001 99999999999999999999999; do
    run "$example" 1 "$bad"
    expect "exit code" 2 "$code"
    expect "the word in the message" 1 "$(lines err "\"$bad\" is not a number")"
    expect "usage" 1 "$(lines err '^usage: ')"
done

command="$example 1 >/dev/full"
"$example" 1 >/dev/full 2>"$scratch/err"
expect "exit code with a full disk" 3 $?
expect "message with a full disk" 1 "$(lines err 'standard output cannot be written')"

finish
