#!/bin/sh
# shellcheck disable=SC2016 # what is quoted is for others than this shell
# What the program does passes through: its streams, its exit code, its signals.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# Its output and exit code; the page on standard error; nothing else on standard output.
printf 'over\n' | "$OVERLAP" advise -- sh -c 'read word; echo "it says $word"; echo aside >&2; exit 7' >out 2>err
code=$?
[ "$code" -eq 7 ] || fail "exit code $code, not 7"
[ "$(cat out)" = 'it says over' ] || fail "other output: $(cat out)"
says err '^aside$'
says err '^overlap advise: it ran for .*, and ended with exit code 7$'

# With --json the document comes after it.
"$OVERLAP" advise --json -- echo first >out 2>err </dev/null || fail "--json: exit code $?"
[ "$(head -n 1 out)" = first ] || fail "the program's own output is not first: $(cat out)"
sed 1d out >document
"$SCHEMA_CHECK" "$SCHEMA" <document || fail "--json: not as the schema has it"

# Its death by a signal; what it did before is told.
advise -- "$python" -c 'import os, signal, time
for n in range(10): time.sleep(0.03)
os.kill(os.getpid(), signal.SIGKILL)'
[ "$code" -eq 137 ] || fail "killed by SIGKILL: exit code $code, not 137"
holds '.waits.sleep >= 0.29'
says err 'it ran for .*, until SIGKILL ended it'

# A program that is killed while it waits: the wait is told as far as it came.
mkfifo ready
"$OVERLAP" advise --output document -- "$python" -c 'import os, time
print(os.getpid(), flush=True)
time.sleep(100)' >ready 2>err </dev/null &
own=$!
read -r sleeper <ready
# After what it says it sleeps in this one call: then the wait has begun.
await grep -qs ') S ' "/proc/$sleeper/stat" || fail 'it does not sleep'
sleep 0.2
kill -TERM "$own"
wait "$own"
code=$?
[ "$code" -eq 143 ] || fail "a SIGTERM is passed on: exit code $code, not 143"
holds '.waits.sleep >= 0.15 and .waits.sleep < 90'

# What it leaves running is said, and is left alone.
advise -- sh -c 'sleep 60 >/dev/null 2>&1 & echo $! >number; until grep -qx sleep "/proc/$!/comm"; do :; done'
read -r left <number
kill -0 "$left" || fail 'what it left running is gone'
holds "any(.notes[]; contains(\"advise -p $left\"))"
kill -KILL "$left"

# What env and timeout use for their own failures.
"$OVERLAP" advise -- /nonexistent/program >out 2>err </dev/null
code=$?
[ "$code" -eq 127 ] || fail "not found: exit code $code"
says err 'was not found'
printf '#!/nonexistent/interpreter\n' >script
chmod +x script
"$OVERLAP" advise -- ./script >out 2>err </dev/null
code=$?
[ "$code" -eq 127 ] || fail "no interpreter: exit code $code"
says err 'the interpreter that it names'
touch file
"$OVERLAP" advise -- ./file >out 2>err </dev/null
code=$?
[ "$code" -eq 126 ] || fail "not executable: exit code $code"
says err 'cannot be run'
expect 2 advise
says err 'a command is missing'
expect 2 advise --nonsense -- true
"$OVERLAP" advise --output /nonexistent/document -- touch ran >out 2>err </dev/null
code=$?
[ "$code" -eq 125 ] || fail "an output that cannot be written: exit code $code"
[ ! -e ran ] || fail 'the program ran although its document cannot be written'

# Installed where the path has what LD_PRELOAD splits at.
mkdir -p 'a b:c/bin' 'a b:c/lib/overlap'
cp "$OVERLAP" 'a b:c/bin/overlap'
cp "$AGENT" 'a b:c/lib/overlap/'
LD_LIBRARY_PATH=$LIBRARY_FOLDER './a b:c/bin/overlap' advise --output document -- "$python" -c 'import time
time.sleep(0.1)' >out 2>err </dev/null || fail "in a folder with a space and a colon: $(cat err)"
holds '.waits.sleep >= 0.09'

# Nothing is left behind; and what one left that was killed, the next one removes.
folder_of() {
    find "/proc/$1/fd" -lname '*/overlap-advise-*' -printf '%l\n' | head -n 1
}
mkfifo first second
"$OVERLAP" advise -- sh -c 'echo 1; read line' <second >first 2>err &
own=$!
exec 8>second
read -r _ <first
folder=$(folder_of "$own")
[ -d "$folder" ] || fail "while it runs there is no folder: \"$folder\""
touch -d '1 minute ago' "$folder"
"$OVERLAP" advise -- true >out 2>err2 </dev/null
[ -d "$folder" ] || fail 'a folder in use was removed by another'
exec 8>&-
wait "$own"
[ ! -e "$folder" ] || fail "left behind: $folder"
"$OVERLAP" advise -- sh -c 'echo 1; read line' <second >first 2>err &
own=$!
exec 8>second
read -r _ <first
folder=$(folder_of "$own")
kill -KILL "$own"
wait "$own"
exec 8>&-
[ -d "$folder" ] || fail "killed, and there is no folder: \"$folder\""
touch -d '1 minute ago' "$folder"
"$OVERLAP" advise -- true >out 2>err </dev/null
[ ! -e "$folder" ] || fail "left behind by one that was killed, and by the next: $folder"
finish
