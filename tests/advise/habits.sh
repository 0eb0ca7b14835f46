#!/bin/sh
# Programs as people have them: what they wait for is not what it seems, or more workers would not help.
# shellcheck source=tests/advise/lib.sh
. "$(dirname "$0")/lib.sh"

# A commit for each row of one database: whoever commits waits for the others.
cat >rows.py <<'END'
import sqlite3

database = sqlite3.connect("rows.db")
database.execute("create table log (message text)")

def log(message):
    database.execute("insert into log values (?)", (message,))
    database.commit()

for n in range(400):
    log(f"message {n}")
END
advise -- "$python" rows.py
[ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
case $(stat -f -c %T .) in
tmpfs | overlayfs) echo 'the disk here is none' ;; # and no fsync waits for it
*)
    holds '.recommendation.model == "sync" and (.recommendation.reason | contains("log() waits until the same file"))'
    says err 'Wait less often'
    ;;
esac

# Who reads its output sets the pace, and who gives it its input.
cat >prints.py <<'END'
for n in range(300):
    print("x" * 4000)
END
advise -- sh -c "\"$python\" prints.py | (while read -r line; do :; done)"
holds '.recommendation.model == "sync" and (.recommendation.reason | contains("takes its output"))'
holds '.where[0] | .kind == "terminal" and .line == 2'
cat >reads.py <<'END'
import sys

with open("asks", "w", buffering=1) as asks:
    for n in range(6):
        print(n, file=asks)
        sys.stdin.readline()
END
# It is given a line a tenth of a second after it has asked for it.
mkfifo asks
advise -- sh -c "(while read -r n; do sleep 0.1; echo \$n; done <asks) | \"$python\" reads.py"
holds '.recommendation.model == "sync" and (.recommendation.reason | contains("gives it its input"))'
holds '.waits.terminal >= 0.4 and .waits.child < 0.1'

# Forks by hand, one after the other: what a parent waits for is what its child does.
cat >forks.py <<'END'
import os
import time

def child(n):
    time.sleep(0.05)
    os._exit(n)

for n in range(10):
    if os.fork() == 0:
        child(n)
    os.wait()
END
advise -- "$python" forks.py
holds '.where[0] | .kind == "sleep" and .function == "child"'
holds '.waits.child < 0.1 and .unit.function == "child" and .unit.count == 10 and (.recommendation.reason | contains("Starting") | not)'

# A server that answers one request after the other: what it does for each is what could overlap.
cat >serves.py <<'END'
import os
import subprocess
import sys
import time
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

EACH = 0.05
REQUESTS = 20
answered = 0

class Done(Exception):
    pass

# It ends between two requests, and not by a signal: one that comes while a request is answered is an error of that request.
class Server(WSGIServer):
    def service_actions(self):
        if answered == REQUESTS:
            raise Done

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

def app(environ, start_response):
    global answered
    answered += 1
    time.sleep(EACH)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"yes"]

# What it waits for before it is asked for anything is no wait of its own.
CLIENT = """
import sys, time, urllib.request
time.sleep(1)
for _ in range(int(sys.argv[2])):
    urllib.request.urlopen(sys.argv[1]).read()
"""

server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
client = subprocess.Popen([sys.executable, "-c", CLIENT, f"http://127.0.0.1:{server.server_port}/", str(REQUESTS)],
                          env={**os.environ, "no_proxy": "*"})
try:
    server.serve_forever()
except Done:
    pass
client.wait()
END
advise -- "$python" serves.py
[ "$code" -eq 0 ] || fail "exit code $code: $(cat err)"
holds '.unit.function == "app" and .unit.count == 20 and any(.where[]; .function == "app" and .kind == "sleep" and .seconds > 0.9)'
holds '.waits.network < 0.8 and (.recommendation.model == "sync" or (.recommendation.reason | contains("one request after the other")))'

# The same, called by a framework that stands between the two; and where a server is known that has a word for it.
mkdir -p site-packages/werkzeug
: >site-packages/werkzeug/__init__.py
cat >site-packages/framework.py <<'END'
class Framework:
    def __init__(self, view):
        self.view = view

    def __call__(self, environ, start_response):
        return self.dispatch(environ, start_response)

    def dispatch(self, environ, start_response):
        return self.view(environ, start_response)
END
cat >site-packages/werkzeug/serving.py <<'END'
from framework import Framework

class Served(Framework):
    def __call__(self, environ, start_response):
        return super().__call__(environ, start_response)
END
for name in framework.Framework werkzeug.serving.Served; do
    sed "s/^server = make_server/import ${name%.*}\n&/; s/ 0, app,/ 0, $name(app),/" serves.py >framed.py
    advise -- env PYTHONPATH="$PWD/site-packages" "$python" framed.py
    [ "$code" -eq 0 ] || fail "$name: exit code $code: $(cat err)"
    holds '.unit.function == "app" and .unit.count == 20'
    holds '.recommendation.model == "sync" or (.recommendation.reason | contains("one request after the other"))'
    ! jq -e '.recommendation.model == "threads"' document >/dev/null || case $name in
    werkzeug*) says err 'app.run(threaded=True)' ;;
    *) says err 'class Server(ThreadingMixIn, HTTPServer)' ;;
    esac
done

# A server's own loop: asyncio has one, which begins a task for each connection.
cat >accepts.py <<'END'
import socket
import subprocess
import sys
from patience import patient

EACH = patient(0.04)
REQUESTS = 40
CLIENT = """
import socket, sys, time
for _ in range(int(sys.argv[3])):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        time.sleep(float(sys.argv[2]))
        connection.sendall(b"ask")
        connection.recv(100)
"""

def answer(connection):
    with connection:
        connection.sendall(connection.recv(100))

def main():
    server = socket.create_server(("127.0.0.1", 0))
    client = subprocess.Popen([sys.executable, "-c", CLIENT, str(server.getsockname()[1]), str(EACH), str(REQUESTS)])
    answered = 0
    while answered < REQUESTS:
        connection, address = server.accept()
        answer(connection)
        answered += 1
    client.wait()

main()
END
advise -- "$python" accepts.py
holds '.unit.function == "answer" and .recommendation.model == "async"'
holds 'any(.notes[]; contains("as requests come")) and all(.notes[]; test("\\x60while") | not)'
says err 'replace socket by'
says err 'asyncio.start_server'
says err 'await asyncio.start_server(answer, host, port)'
! grep -q gather err || fail "the sketch collects connections: $(cat err)"

# One whose answers take a processor: each of several processes accepts by itself.
sed 's/^        connection.sendall(connection.recv(100))/        asked = connection.recv(100)\n        sum(n * n for n in range(400000))\n        connection.sendall(asked)/
    s/time.sleep(float(sys.argv\[2\]))/pass/; s/ str(EACH),/ "0",/' accepts.py >answers.py
advise -- "$python" answers.py
holds '.unit.function == "answer"'
if jq -e '.recommendation.model == "processes"' document >/dev/null; then
    says err 'multiprocessing.Process(target=serve, args=(server,)).start()'
    says err '^ *answer(connection)'
    ! grep -q 'pool' err || fail "the sketch collects connections: $(cat err)"
elif [ "$(nproc)" -gt 1 ]; then
    holds '.recommendation.model == "sync"'
fi

# What a function changes of its module does not make its callers begin anew.
cat >changes.py <<'END'
import time

total = 0

def task(n):
    global total
    time.sleep(0.02)
    total += n

def main():
    for n in range(20):
        task(n)

if __name__ == "__main__":
    main()
END
advise -- "$python" changes.py
holds '.unit.function == "task" and .unit.count == 20 and (.unit.at_least | not)'

# What decorators put around it is no name for it.
cat >wrapped.py <<'END'
import functools
import time
from patience import patient

EACH = patient(0.02)

def retried(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        for _ in range(3):
            try:
                return function(*arguments)
            except OSError:
                pass
    return wrapper

@retried
def download(n):
    time.sleep(EACH)
    return n

print(sum(download(n) for n in range(30)))
END
advise -- "$python" wrapped.py
holds '.unit.function == "download" and .unit.count == 30'
says err 'download(n)'

# Items without an end are not collected first, as gather would.
cat >endless.py <<'END'
import itertools
import time
from patience import patient

EACH = patient(0.02)

def poll(n):
    time.sleep(EACH)
    return n

def main():
    for n in itertools.count():
        if poll(n) == 29:
            break

main()
END
advise -- "$python" endless.py
holds '.unit.function == "poll" and .unit.count == 30'
says err 'so many at a time of itertools.count(), which has no end'
says err 'for n in items'

# Turns without a number that only compute are not counted, and no number is said.
cat >rows_read.py <<'END'
import csv
import io
import json
import sys

def main():
    text = "a,b,c\n" + "1,2,3\n" * 50000 * int(sys.argv[1])
    sizes = 0
    for row in csv.DictReader(io.StringIO(text)):
        sizes += len(json.dumps(row))
    print(sizes)

main()
END
often_enough 30 -- "$python" rows_read.py
holds '.bound == "cpu" and (.unit == null or .unit.count == null)'
holds '.recommendation.reason | test("[0-9] times one after the other") | not'

# A thread gives the GIL away at the end of a loop, where an instruction has no line of its own.
cat >counts.py <<'END'
import sys
import threading

def count(n):
    hits = 0
    for i in range(500000 * int(sys.argv[1])):
        if i % 7 == n:
            hits += 1
    return hits

threads = [threading.Thread(target=count, args=(n,)) for n in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
END
often_enough 10 -- "$python" counts.py
holds 'all(.where[]; .function != "count" or .line > 4)'
finish
