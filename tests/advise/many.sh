#!/bin/sh
# Programs that start very many threads and processes: none is lost, and how many work at once is no matter of how many
# there were.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# A thread for each task, more of them than an agent has places for, eight at once.
cat >threads.py <<'END'
import threading
import time

def job(n):
    time.sleep(0.005)

for start in range(0, 1200, 8):
    threads = [threading.Thread(target=job, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
END
advise -- "$python" threads.py
[ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
holds '.waits.sleep >= 6 and .unit.function == "job" and .unit.count == 1200'
holds '(.recommendation.reason | test("^It has ([2-9]|1[0-9]) threads")) and all(.notes[]; contains("taken down at once") | not)'

# One that takes a hundred times as long as the others does not make these none.
sed -i 's/sleep(0.005)/sleep(0.5 if n == 2 else 0.005)/; s/args=(n,)/args=(start + n,)/; s/1200/600/' threads.py
advise -- "$python" threads.py
holds '.unit.count == 600 and (.recommendation.reason | test("^It has ([2-9]|1[0-9]) threads"))'

# A command for each task, more of them than are remembered. Those after the last that had to be waited for may not be seen.
cat >commands.py <<'END'
import subprocess

def run(n):
    subprocess.run(["true"], check=True)

for n in range(1400):
    run(n)
END
advise -- "$python" commands.py
[ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
holds '(.where[0] | .function == "run" and .line == 4) and .unit.function == "run"'
holds '.unit.count == 1400 or (.unit.at_least and .unit.count > 1300 and .unit.count < 1400)'
finish
