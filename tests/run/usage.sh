#!/bin/sh
# Wrong usage of `overlap run`: exit code 2, and one line that names the thing and the remedy.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"

refuse() {
    pattern=$1
    shift
    expect 2 run "$@"
    says err "$pattern"
    [ ! -s out ] || fail "run $*: wrote to standard output"
    [ "$(wc -l <err)" -eq 1 ] || fail "run $*: more than one line of error"
}

refuse 'a command is missing'
refuse 'a command is missing' -k
refuse 'a command is missing' ::: a b
refuse "unknown option --keep-oder (did you mean '--keep-order'?)" --keep-oder echo ::: a
refuse 'there is no --shuf here: put shuf before it' --shuf echo ::: a
refuse 'there is no -Sserver here: mpirun' -Sserver echo ::: a
refuse '{= =} has an expression in Perl' echo '{=' s/a/b/ '=}' ::: a
expect 0 run -I , -- echo '{=x=}' ::: a
refuse '--workers many: not understood' -w many echo ::: a
refuse '--workers -: not understood' -j - echo ::: a
refuse '--workers 5%%: not understood' -w 5%% echo ::: a
refuse '--workers 2000000: too large' -w 2000000 echo ::: a
refuse '--workers 4611686018427387904%: too large' -w 4611686018427387904% echo ::: a
refuse '--workers 9223372036854775807%: too large' -w 9223372036854775807% echo ::: a
refuse '--timeout soon: not understood' --timeout soon echo ::: a
refuse '--timeout -5%: not understood' --timeout -5% echo ::: a
refuse '--retries 0: too small' --retries 0 echo ::: a
refuse '--halt now: not understood' --halt now echo ::: a
refuse '--halt now,fail=0: not understood' --halt now,fail=0 echo ::: a
refuse '--halt now,fail=101%: not understood' --halt now,fail=101% echo ::: a
refuse "--delimiter 'ab': give one character" -d ab echo ::: a
refuse '-0 and --delimiter both' -0 -d , echo ::: a
refuse "--colsep '(': " -C '(' echo ::: a
refuse "--colsep 'x\*': matches where there is nothing" -C 'x*' echo ::: a
for separator in ',*****+++++++++++++++++++++++++++' 'x+{2}' '(a|b)?*' '[]+]**'; do
    refuse "one repetition stands behind another" -C "$separator" echo ::: a
done
refuse "--header takes ':'" --header 2 echo ::: a
refuse "CSV is separated by one character" --csv -C ', ' echo ::: a
refuse '--json and --json-lines' --json --json-lines echo ::: a
refuse "--ungroup gives jobs overlap's own output" -u -k echo ::: a
refuse '--resume and --retry-failed need' --retry-failed echo ::: a
refuse '--load high: not understood' --load high echo ::: a
refuse "--env '=x': a name is missing" --env =x echo ::: a
refuse '--model asink: no such choice' --model asink echo ::: a
refuse '--memory-free 3Q: no such unit' --memory-free 3Q echo ::: a
refuse '-n 0: too small' -n 0 echo ::: a

# What people of other tools write.
for options in '-j 2' '-j+1' '-j-1' '-j0' '-j 50%' '-P 2' '--jobs=2' '--will-cite' '-q' '--group' \
    '--lb' '--linebuffer' '--retries 1' '--halt 0' '--progress never' '--model threads' \
    '--model sync' '--model async' '-w auto' '-v' '--verbose'; do
    # shellcheck disable=SC2086
    expect 0 run $options echo ::: a
    [ "$(cat out)" = a ] || fail "run $options: $(cat out)"
done

expect 0 run --help
says out '^Usage: overlap run '
awk 'length > 80 { exit 1 }' out || fail 'overlap run --help is wider than 80 columns'
finish
