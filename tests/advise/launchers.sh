#!/bin/sh
# shellcheck disable=SC2016 # what is quoted is for others than this shell
# What starts a program and stands around it is folded away: the program itself is what one sees.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# A script that takes its time, and becomes the program at its end, by way of others.
cat >shim <<END
#!/bin/sh
sleep 0.3
exec env SOMETHING=1 "$python" "\$@"
END
chmod +x shim
advise -- ./shim loop.py
[ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
holds '.unit.function == "task" and .unit.count == 30'
holds '.wall_seconds >= 0.9 and .waits.sleep >= 0.6 and .waits.child < 0.01'
holds 'all(.where[]; .file | endswith("/sh") or endswith("/dash") or endswith("/bash") or endswith("/sleep") | not)'
holds 'all(.threads[]; .program | startswith("python"))'
holds 'any(.notes[]; contains("before it began itself"))'

# What stands around it until its end: what that waits for is what the program does.
advise -- timeout 100 sh -c "\"$python\" loop.py; exit 3"
[ "$code" -eq 3 ] || fail "exit code $code, not 3"
holds '.unit.count == 30 and .waits.child < 0.01 and all(.threads[]; .program | startswith("python"))'
holds '.where[0] | .function == "task" and .kind == "sleep"'

# One after the other is not at once.
advise -- sh -c "for n in 1 2 3; do \"$python\" loop.py; done"
holds '.unit.count == 90 and .recommendation.model != "processes"'
holds '[.threads[] | select(.program | startswith("python"))] | length == 3'

# A script of commands: what is told is what these do, and of the shell no more than is known. Of what a child did is
# known what it waited for before what it took of its parent's time is asked: nothing here computes.
advise -- sh -c 'sleep 0.4; sleep 0.4; :'
holds '.waits.sleep >= 0.8 and .waits.child < 0.01 and all(.where[]; .kind == "sleep" or .share < 0.1)'
holds '.recommendation.reason | contains("Which of its commands need")'
says err 'Run at once what needs nothing'
holds 'any(.notes[]; contains("runs a script")) and all(.notes[]; contains("build it with -g") | not)'

# Where its commands compute, or the shell itself does, nobody is told to give that threads.
advise -- sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done; :'
holds '.recommendation.model == "sync" and (.recommendation.reason | contains("Which of its commands need"))'

# Of a language whose lines are not seen, that is said.
if command -v perl >/dev/null; then
    advise -- perl -e 'for (1 .. 30) { select(undef, undef, undef, 0.02) } exit 4'
    [ "$code" -eq 4 ] || fail "perl: exit code $code, not 4"
    holds '.waits.sleep >= 0.6 and any(.notes[]; contains("perl runs a program whose lines are not seen"))'
    holds 'all(.notes[]; contains("build it with -g") | not) and (.recommendation.reason | contains("not seen in this"))'
    advise -- perl -e 'my $sum = 0; for my $n (1 .. 3000000) { $sum += $n * $n }'
    holds '.recommendation.model == "sync" and (.recommendation.reason | contains("not seen in this"))'
fi
finish
