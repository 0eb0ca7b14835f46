#!/bin/sh
# Proves that each way to mend the race counts exactly, and that the race is one.
#
#     race.sh EXAMPLE counts|tsan
#
# What the race loses is chance: without ThreadSanitizer it is printed, and only held to add up with what
# was counted. ThreadSanitizer reports a race whatever was lost, so there it must report this one, and
# nothing of the mended variants. It does need two tasks that overlapped: five long ones in five threads
# nearly always do, and one run of ten is enough.
example=$1
judge=$2
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"

for variant in lock atomic result; do
    run "$example" "$variant" 5 200000
    expect "exit code" 0 "$code"
    expect "output" "$(printf '%-8s  counted 1000000 of 1000000, lost 0' $variant)" "$(cat "$scratch/out")"
    expect "errors" "" "$(cat "$scratch/err")"
done

if [ "$judge" = tsan ]; then
    races=0
    attempt=1
    while [ "$races" -eq 0 ] && [ "$attempt" -le 10 ]; do
        run "$example" unlocked 5 200000
        races=$(lines err 'WARNING: ThreadSanitizer: data race')
        attempt=$((attempt + 1))
    done
    expect "whether the race was reported" yes "$([ "$races" -gt 0 ] && echo yes)"
    expect "whether the report names the racing function" yes "$(grep -q add_unlocked "$scratch/err" && echo yes)"
else
    run "$example" unlocked
    expect "exit code" 0 "$code"
    expect "errors" "" "$(cat "$scratch/err")"
    cat "$scratch/out"
    expect "form of the output" 1 "$(lines out '^unlocked  counted [1-9][0-9]* of 2000000, lost [0-9]*$')"
    counted=$(awk '{print $3 + 0}' "$scratch/out")
    lost=$(awk '{print $7 + 0}' "$scratch/out")
    expect "counted and lost together" 2000000 "$((counted + lost))"

    run "$example"
    expect "variants" "unlocked lock atomic result" "$(awk '{printf sep $1; sep = " "}' "$scratch/out")"
fi

for bad in x 0 -1 1.5 "" 1000001; do
    run "$example" "$bad"
    expect "exit code" 2 "$code"
    expect "the word in the message" 1 "$(lines err "\"$bad\" is neither a variant nor a number")"
done
run "$example" 1 2 3
expect "exit code of a third number" 2 "$code"

finish
