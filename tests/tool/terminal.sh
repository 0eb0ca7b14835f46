#!/bin/sh
# What stands on a terminal, while work is done and after.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || exit 77

escape=$(printf '\033')
return=$(printf '\r')

# on_terminal COMMAND: begins it in a shell, on a terminal of 100 columns; what it shows goes to ./shown.
on_terminal() {
    rm -f shown go
    script -qefc "stty cols 100 rows 24; $1" shown >/dev/null 2>&1 </dev/null &
    terminal_pid=$!
}

has_shown() {
    grep -aqs -e "$1" shown
}

# shellcheck disable=SC2317 # await calls it
time_goes_on() {
    [ "$(grep -aso '0 of 2 jobs, [0-9.]* s' shown | sort -u | wc -l)" -ge 3 ]
}

# stands: what is left of ./shown once it has ended, without what was erased again, in ./out. Returns its exit code.
stands() {
    wait "$terminal_pid"
    code=$?
    sed -e "s/$return\$//" -e '/^Script \(started\|done\) on/d' -e "s/.*$return$escape\\[K//" shown >out
    return "$code"
}

# has_lines TEXT: whether ./out has these lines, and not one more.
has_lines() {
    [ "$(cat out)" = "$(printf '%b' "$1")" ] || fail "on the terminal stands '$(cat out)', not '$1': $(cat -v shown)"
}

wait_for_go='while [ ! -e go ]; do sleep 0.02; done'

# While no job ends, the time goes on; and what jobs print stands on lines of its own.
on_terminal "\"$OVERLAP\" run -k -w2 sh -c '$wait_for_go; echo out {}; echo err {} >&2' ::: 1 2"
await time_goes_on || fail 'run: no status that goes on while no job ends'
touch go
stands || fail "run on a terminal: exit code $?"
has_lines 'out 1\nerr 1\nout 2\nerr 2\n'

# Where output ends within a line, that line is not taken for the status; a message begins a new one.
on_terminal "\"$OVERLAP\" run -k -w1 sh -c 'test {} = 1 || { $wait_for_go; }; printf {}; exit 1' ::: 1 2"
await has_shown 'exit code 1' || fail 'run: no message'
await has_shown '1 of 2 jobs, 1 failed' || fail 'run: no status after a message'
touch go
stands
[ $? -eq 1 ] || fail 'run of jobs that fail, on a terminal: not exit code 1'
has_lines "1\noverlap run: '1': exit code 1\n2\noverlap run: '2': exit code 1\n"

on_terminal "\"$OVERLAP\" run --line-buffer -w1 sh -c 'echo a; $wait_for_go; echo b' ::: 1"
await has_shown '0 of 1 jobs' || fail 'run --line-buffer: no status'
touch go
stands || fail "run --line-buffer on a terminal: exit code $?"
has_lines 'a\nb\n'

# Jobs that have the terminal themselves.
on_terminal "\"$OVERLAP\" run --ungroup -w1 sh -c 'sleep 0.3; echo a' ::: 1 2"
stands || fail "run --ungroup on a terminal: exit code $?"
has_lines 'a\na\n'
has_shown ' jobs' && fail 'run --ungroup: a status beneath output that is not ours'

# Items that are typed.
printf 'a\n' | script -qec "stty cols 100 rows 24; \"$OVERLAP\" run -w1 sh -c 'sleep 0.3; echo got {}'" shown >/dev/null 2>&1
has_shown 'Ctrl-D ends them' || fail 'run does not say that it reads from the terminal'
has_shown 'got a' || fail "run did not read from the terminal: $(cat -v shown)"
has_shown ' jobs' && fail 'run: a status where items are typed'

# A message that comes while the status stands.
on_terminal "\"$OVERLAP\" run --halt soon,fail=1 -w1 sh -c '$wait_for_go; exit 1' ::: 1 2"
await has_shown '0 of 2 jobs' || fail 'run --halt: no status'
touch go
stands
says out "^overlap run: '1': exit code 1$"

# Downloads.
start_origin --port 0
kill -STOP "$origin_pid" # so that nothing is answered until the progress was seen
on_terminal "\"$OVERLAP\" fetch ${url}one ${url}two"
await has_shown '0 of 2' || fail 'fetch: no progress on a terminal'
kill -CONT "$origin_pid"
stands || fail "fetch on a terminal: exit code $?"
grep -q "$escape" out && fail "fetch: this still stands on the terminal: $(cat -v out)"
if [ ! -s one ] || [ ! -s two ]; then
    fail 'fetch on a terminal: no files'
fi
rm -f one two
on_terminal "\"$OVERLAP\" fetch -o - ${url}page?size=20"
stands || fail "fetch -o - on a terminal: exit code $?"
has_shown '0 of 1' && fail 'fetch -o -: progress beneath a page'
stop_origin TERM

# While none of them ends, its progress goes on.
# shellcheck disable=SC2317 # await calls it
progress_goes_on() {
    [ "$(grep -aso '0 of 5 ' shown | wc -l)" -ge 3 ]
}
start_origin --port 0 --latency 10m
on_terminal "\"$OVERLAP\" fetch --discard -w 1 ${url}1 ${url}2 ${url}3 ${url}4 ${url}5 & echo \$! >fetching; wait"
await progress_goes_on || fail "fetch: no progress that goes on while nothing ends: $(cat -v shown)"
kill -TERM "$(cat fetching)"
stands
stop_origin TERM

# Both programs.
on_terminal "\"$OVERLAP\" compare io --models sync,async --downloads 5 --latency 100ms"
stands || fail "compare on a terminal: exit code $?"
has_shown '[0-4] of 5 downloads' || fail 'compare: no progress on a terminal'
says out 'async  *5 '
grep -q 'of 5 downloads .*  [0-9.]* s' out && fail "compare: progress still stands on the terminal: $(cat -v out)"
finish
