#!/bin/sh
# Ctrl-C: under every model it ends within a second, leaves no process behind, and says what was done.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2317 # called by await
# gone MARK: whether no process is left of those that were started with this mark.
gone() {
    ! grep -qsa "OVERLAP_TEST_MARK=$1" /proc/[0-9]*/environ
}

# interrupt SIGNAL WHOM WORD ARGUMENT...: sends the signal to the command alone or to its whole group, when
# its progress has the word. WHOM may be `standing`: the group, which then stands still for a while.
interrupt() {
    signal=$1
    whom=$2
    word=$3
    shift 3
    mark=$$-$(milliseconds)
    rm -f err
    touch err
    OVERLAP_TEST_MARK=$mark setsid "$OVERLAP" "$@" --progress always --json >out 2>err </dev/null &
    pid=$!
    await grep -q "$word" err || fail "overlap $*: did not begin: $(cat err)"
    # setsid gave it a process group of its own, as a terminal does.
    target=$pid
    [ "$whom" = alone ] || target=-$pid
    kill -"$signal" "$target"
    if [ "$whom" = standing ]; then
        kill -STOP "$target" 2>/dev/null
        sleep 1.5
        kill -CONT "$target" 2>/dev/null
    fi
    ends_in_time "$pid" "${END_MS:-1500}" || fail "overlap $*: $ended_after ms until it ended, after $signal to $whom"
    wait "$pid"
    code=$?
    [ "$code" -eq 130 ] || fail "overlap $*: exit code $code after $signal to $whom"
    says err 'interrupted; what was done until then is shown'
    await gone "$mark" || fail "overlap $*: left a process behind after $signal to $whom"
    "$SCHEMA_CHECK" "$SCHEMA" <out || fail "overlap $*: not as the schema has it: $(cat out)"
}

for model in sync threads async processes; do
    interrupt INT alone "io $model: 0 of" compare io --models "$model" --downloads 5000 --latency 100ms
    says out '"not_started": [0-9]'
    interrupt INT group "io $model: 0 of" compare io --models "$model" --latency 30s
    interrupt INT alone "cpu $model: 0 of" compare cpu --models "$model" --number 1000000000
    interrupt TERM group "cpu $model: 0 of" compare cpu --models "$model" --number 1000000000
done

# A machine that stands meanwhile does not keep it from saying what was done.
for model in async processes; do
    for _ in 1 2 3; do
        interrupt INT standing "io $model: 0 of" compare io --models "$model" --latency 30s
    done
done

# A function of the user's own runs in a child, which hears of it too.
seq 10000 >items
for whom in alone group; do
    interrupt INT "$whom" 'command threads: [1-9]' compare "$TASKS:sleep_on" -i items --models async,threads
    says out '"done": 10000,'
    says out '"not_started": [1-9]'
done

# What was done before is kept.
interrupt INT alone 'io sync: 0 of' compare io --models async,sync --downloads 400 --latency 20ms
says out '"done": 400,'
finish
