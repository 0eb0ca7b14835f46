#!/bin/sh
# Proves that the crawler finds each page of a site once, down to its depth, and none of other sites.
#
#     crawl.sh EXAMPLE
example=$1
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
mkdir "$scratch/site"
cd "$scratch/site" || exit 1
echo '<a href="a.html">a</a> <a href="b.html#x">b</a> <a href="http://other.invalid/">other</a>' >index.html
echo '<a href="b.html">b</a> <a href="deep/c.html">c</a> <a href="gone.html">gone</a>' >a.html
echo '<a href="index.html">up</a> <a href="/index.html">the same</a>' >b.html
mkdir deep
echo '<a href="../a.html">a</a> <a href="d.html">d</a>' >deep/c.html
echo 'the end' >deep/d.html

mkfifo "$scratch/port"
python3 -u -c '
import functools, http.server, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
print(server.server_port)
sys.stdout.close()
server.serve_forever()' >"$scratch/port" &
server=$!
read -r port <"$scratch/port"
site=http://127.0.0.1:$port/

run "$example" "${site}index.html" 0
expect "exit code" 0 "$code"
expect "depth 0" "0 ${site}index.html" "$(cut -d ' ' -f 1,3 "$scratch/out")"

run "$example" "${site}index.html" 1
expect "depth 1" "0 ${site}index.html
1 ${site}a.html
1 ${site}b.html" "$(cut -d ' ' -f 1,3 "$scratch/out" | sort)"

run "$example" "${site}index.html" 5
expect "exit code with a dead link" 1 "$code"
expect "depth 5" "0 ${site}index.html
1 ${site}a.html
1 ${site}b.html
2 ${site}deep/c.html
3 ${site}deep/d.html" "$(cut -d ' ' -f 1,3 "$scratch/out" | sort)"
expect "the dead link" 1 "$(lines err 'gone.html: ')"
expect "the sum" 1 "$(lines err '^6 pages, 1 failed$')"

run "$example" ftp://example.org/
expect "exit code of another scheme" 2 "$code"
run "$example"
expect "exit code without a URL" 2 "$code"
finish
