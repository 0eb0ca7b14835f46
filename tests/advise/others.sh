#!/bin/sh
# Programs that are not Python's: the best that can be measured, and a plain word on what could not.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# line TEXT: where it stands in the program's source.
source=$(dirname "$0")/waits.c
line() {
    grep -nF -e "$1" "$source" | head -n 1 | cut -d : -f 1
}

# By debug information: the line that waits, the function that is called over and over, from which loop; also where
# the compiler has made one function of all of them.
for program in "$WAITS" "$WAITS_FAST"; do
    advise -- "$program"
    [ "$code" -eq 5 ] || fail "exit code $code, not 5"
    holds '.waits.sleep >= 0.4 and .cpu_seconds > 0'
    holds ".where[0].line == $(line 'nanosleep(') and .where[0].function == \"nap\" and .where[0].kind == \"sleep\""
    holds '.where[0].file | endswith("/waits.c")'
    holds ".unit.function == \"download\" and .unit.count == 20 and .unit.line == $(line 'n < 20 * times')"
    [ -s out ] || fail 'its output did not pass'
    # The sketch is C, for who fills in what it leaves open.
    awk '/#include <overlap/ { on = 1 } !on { next } { sub("^    ", "") } /^    \.\.\./ { next } { print }
        $0 == "}" { print "int main(void)\n{\nint items[32] = {0}, results[32];\nsize_t count = 32;" }
        /ovl_executor_close/ { print "return (int)count + results[0];\n}"; exit }' err >sketch.c
    cc -fsyntax-only -I "$(dirname "$0")/../../include" sketch.c 2>wrong || fail "the sketch: $(cat wrong sketch.c)"
    grep -q main sketch.c || fail "no sketch: $(cat err)"
done

# One that only computes: the line, its loop, and the loop whose turns could be shared; also without the dynamic
# linker, where no agent can be.
looks=30
advise -- "$WAITS" compute 1
if jq -e 'any(.notes[]; contains("may not be read"))' document >/dev/null; then
    echo 'threads of another process may not be stopped here'
    looks=0
fi
for program in "$WAITS" "$WAITS_FAST" "$STATIC"; do
    often_enough "$looks" -- "$program" compute
    [ "$code" -eq 5 ] || fail "exit code $code, not 5"
    holds '.bound == "cpu"'
    [ "$looks" -gt 0 ] || continue
    hot=$(line 'for (unsigned long n = 0; n < most')
    holds ".where[0].function == \"sum\" and .where[0].kind == \"cpu\" and .where[0].loop == $hot"
    holds ".where[0].line == $hot or .where[0].line == $hot + 1"
    holds '.where[0].share > 0.5 and (.where[0].file | endswith("/waits.c"))'
    holds ".unit.function == \"part\" and .unit.line == $(line 'n < 40') and .unit.count == null"
    if [ "$(nproc)" -gt 1 ]; then
        # Where other programs had the processors most of the time, it may not be worth it.
        holds '(.recommendation.model == "threads" and (.recommendation.reason | contains("calls part()"))) or
            .cpu_seconds < 0.5 * .wall_seconds'
        holds 'any(.predictions[]; .model == "threads" and .workers == 2)'
    fi
done

# What has no symbols has no name, and none is made up for it.
if command -v strip >/dev/null; then
    strip -o stripped "$WAITS"
    often_enough "$looks" -- ./stripped compute
    holds '.recommendation.reason | contains("?") | not'
    holds 'any(.notes[]; contains("build it with -g")) or .looks == 0'
    ! grep -q '?()' err || fail "a name that is none: $(cat err)"
fi

# What one waits for that has no agent is seen from outside: the more of it, the longer that is.
for times in 1 2 4 8 16; do
    advise -- "$STATIC" wait "$times"
    ! jq -e '.waits.sleep > 0.1' document >/dev/null || break
done
[ "$code" -eq 5 ] || fail "static: exit code $code"
holds '.waits.sleep > 0.1 and .waits.sleep <= .wall_seconds and any(.notes[]; contains("linked statically"))'

# A script that runs Python: the program in Python is what is advised.
advise -- sh -c "\"$python\" loop.py; exit 3"
[ "$code" -eq 3 ] || fail "by sh: exit code $code"
holds '.unit.function == "task" and .unit.count == 30'

# One that is given another environment has no agent, and is looked at from outside, as what it is by then.
for times in 60 120 240 480; do
    advise -- env -i "$python" loop.py "$times"
    ! jq -e 'any(.where[]; .function == "task" and .kind == "sleep")' document >/dev/null || break
done
holds 'any(.where[]; .function == "task" and .kind == "sleep") and any(.notes[]; contains("from outside"))'
finish
