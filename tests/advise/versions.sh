#!/bin/sh
# Every CPython that is to be had here, from outside and from inside: the lines that wait and compute, and how often the
# unit of work was done; of what is older or newer than what is known, or built another way, that it is not known, and what
# is known all the same. Says which were tried.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

cat >work.py <<'END'
import sys
import time

def inner(n):
    total = 0
    for i in range(100000):
        total += i * i
    return total

def task(n):
    inner(n)
    time.sleep(0.01)

def main(most):
    sys.stdout.write("on\n")
    sys.stdout.flush()
    for n in range(most):
        task(n)

main(int(sys.argv[1]))
END

# Four threads that wait, and one that waits for them.
cat >four.py <<'END'
import sys
import threading
import time

def task(n):
    time.sleep(0.01)

def run():
    for n in range(1000000):
        task(n)

threads = [threading.Thread(target=run) for n in range(4)]
for thread in threads:
    thread.start()
sys.stdout.write("on\n")
sys.stdout.flush()
for thread in threads:
    thread.join()
END

# The module's own lines, over what does not tell its turns.
cat >lines.py <<'END'
import time

with open("lines") as lines:
    for line in lines:
        time.sleep(0.01)
END
seq 24 >lines

# look COMMAND VERSION: from its start on.
look() {
    advise -- "$1" work.py 30
    [ "$code" -eq 0 ] || fail "$1: exit code $code: $(cat err)"
    case $2 in
    3.8.* | 3.9.* | 3.1[0-5].*)
        holds '.unit.function == "task" and .unit.count == 30'
        holds 'any(.where[]; .kind == "sleep" and .line == 12 and .function == "task")'
        holds 'any(.where[]; .kind == "cpu" and (.line == 6 or .line == 7) and .function == "inner")'
        ;;
    *)
        holds 'any(.notes[]; contains("version of Python is not known"))'
        holds '.recommendation.model == "sync" and (.recommendation.reason | contains("could not be seen"))'
        ;;
    esac
    holds '.waits.sleep >= 0.29 or any(.notes[]; contains("from outside"))'
    advise -- "$1" lines.py
    case $2 in
    3.8.* | 3.9.* | 3.1[0-5].*) holds '.unit.line == 4 and .unit.count == 24' ;;
    esac
}

# attach COMMAND VERSION: while it runs.
attach() {
    begin "$1" work.py 100000
    advise -p "$program" --seconds 1
    kill_program
    ! grep -q 'may not be read' document || return 0
    case $2 in
    3.8.* | 3.9.* | 3.1[0-5].*)
        holds 'any(.where[]; (.function == "inner" and .line >= 5 and .line <= 7) or (.function == "task" and .line >= 11))'
        ;;
    *)
        holds 'any(.notes[]; contains("version of Python is not known"))'
        ;;
    esac
}

# claim MINOR COPY: a copy of $python that takes itself for 3.MINOR, and has its structures where they were. Fails where
# its version is not in its program, but in a library.
claim() {
    "$python" - "$python" "$1" "$2" <<'END'
import os
import sys

program, minor, copy = sys.argv[1:]
with open(program, "rb") as file:
    data = file.read()
old = b"\0" + sys.version.split()[0].encode() + b"\0"
new = b"\0" + f"3.{minor}.0".encode()[: len(old) - 2].ljust(len(old) - 1, b"\0")
if data.count(old) != 1:
    sys.exit(1)
number = sys.hexversion.to_bytes(8, "little")
data = data.replace(old, new).replace(number, (3 << 24 | int(minor) << 16).to_bytes(8, "little"))
with open(copy, "wb") as file:
    file.write(data)
os.chmod(copy, 0o755)
END
}

# A version that is newer than what is known; and structures that are where another version has them: nothing of them
# is believed then, and above all nothing followed that leads nowhere.
own=$("$python" -c 'import sys; print(sys.version_info[1])')
for minor in 99 8 9 10 11 12 13 14 15; do
    if [ "$minor" -eq "$own" ] || ! claim "$minor" python_claims; then
        continue
    fi
    advise -- ./python_claims loop.py 30
    [ "$code" -eq 0 ] || fail "a Python that takes itself for 3.$minor: exit code $code: $(cat err)"
    holds 'any(.notes[]; contains("version of Python is not known")) and .unit == null'
    holds '.bound == "io" and .waits.sleep >= 0.59'
    holds '.recommendation.model == "sync" and (.recommendation.reason | contains("sleeps could not be seen"))'
    [ "$minor" -gt 11 ] || continue
    begin ./python_claims work.py 100000
    advise -p "$program" --seconds 1
    kill_program
    holds 'any(.notes[]; contains("version of Python is not known") or contains("may not be read")) and .unit == null'
done

# attach_threads COMMAND VERSION: while four of its threads run.
attach_threads() {
    begin "$1" four.py
    # On a busy machine it is looked at a few times a second; and one that is not known has no lines.
    for seconds in 1 4 16 64; do
        advise -p "$program" --seconds $seconds
        ! jq -e '.where[0].function == "task" and .where[0].kind == "sleep"' document >/dev/null || break
        case $2 in 2.* | 3.[0-7].*) break ;; esac
    done
    kill_program
    ! grep -q 'may not be read' document || return 0
    case $2 in
    3.8.* | 3.9.* | 3.1[0-5].*)
        holds '.recommendation.model == "threads" and (.recommendation.reason | contains("It has 4 threads"))'
        holds '.where[0].function == "task" and .where[0].kind == "sleep"'
        holds 'any(.threads[]; .thread == .process and .idle_seconds > 0.5 * .wall_seconds)'
        ;;
    esac
}

tried=
for command in "$python" /usr/local/bin/python[23].* /usr/bin/python[23].* "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python[23].*; do
    [ -x "$command" ] || continue
    version=$("$command" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
    case $tried in *" $version "*) continue ;; esac
    tried="$tried $version "
    look "$command" "$version"
    attach "$command" "$version"
    attach_threads "$command" "$version"
done
echo "tried: $tried"
finish
