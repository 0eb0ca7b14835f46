#!/bin/sh
# The server: pages, requests that are none, limits, many connections, its end.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

fetch() {
    curl --silent --show-error --noproxy '*' --max-time 300 "$@"
}

# exchange FORMAT [-k]: the statuses of the answers to what printf makes of it.
exchange() {
    # shellcheck disable=SC2059,SC2086
    printf "$1" | timeout 300 "$EXCHANGE" ${2:-} "$port" 2>&1 | tr -d '\r' >answer
    grep -o 'HTTP/1.1 [0-9][0-9][0-9] ' answer | cut -d ' ' -f 2 | tr '\n' ' '
}

# answers FORMAT STATUSES [-k]
answers() {
    got=$(exchange "$1" "${3:-}")
    [ "$got" = "$2 " ] || fail "'$(echo "$1" | cut -c 1-60)' was answered '$got', not '$2'"
}

start_origin
case $url in
http://127.0.0.1:[1-9]*/) ;;
*) fail "the URL is '$url'" ;;
esac

# Pages: the same each time, of the size that is asked for, each the beginning of a larger one.
fetch -o one "${url}a/page?size=100000" -o two "${url}a/page?size=3M" -o three "${url}b/page?size=100000"
[ "$(wc -c <one)" -eq 100000 ] || fail "a page of $(wc -c <one) bytes"
[ "$(wc -c <two)" -eq 3145728 ] || fail "a page of $(wc -c <two) bytes"
head -c 100000 two | cmp - one || fail 'a smaller page is not the beginning of a larger one'
! cmp -s one three || fail 'pages of two paths are equal'
[ "$(LC_ALL=C tr -d ' -_' <two | wc -c)" -eq 0 ] || fail 'a page is not printable'
[ "$(fetch "$url" | wc -c)" -eq 10240 ] || fail 'the default size is another'
[ "$(fetch "${url}?size=0" | wc -c)" -eq 0 ] || fail 'an empty page is not empty'
fetch --head "${url}x?size=1T" >headers || fail 'HEAD failed'
says headers '^Content-Length: 1099511627776'

# One connection serves many requests.
fetch -o /dev/null -o /dev/null -w '%{num_connects}\n' "${url}1" "${url}2" >connects
[ "$(tail -1 connects)" = 0 ] || fail 'the connection was not kept'

h='HTTP/1.1\r\nHost: h\r\n'
answers "GET / $h\r\nGET /b $h\r\nHEAD /c $h\r\n" '200 200 200'
answers "GET / ${h}Connection: close\r\n\r\nGET /b $h\r\n" 200
answers 'GET / HTTP/1.0\r\n\r\n' 200
answers "POST / ${h}Content-Length: 3\r\n\r\nabcGET / $h\r\n" 405
answers "DELETE / $h\r\n" 405
says answer '^Allow: GET, HEAD'
answers "GET / ${h}Content-Length: 3\r\n\r\nabc" 413
answers 'nonsense\r\n\r\n' 400
answers 'GET / HTTP/1.1\r\n\r\n' 400
answers "GET /?size=x $h\r\n" 400
answers "GET /?size=5T $h\r\n" 400
answers 'GET / HTTP/3.0\r\nHost: h\r\n\r\n' 505
answers "GET / $h$(head -c 20000 /dev/zero | tr '\0' x)" 431
answers "GET /$(head -c 20000 /dev/zero | tr '\0' x) $h\r\n" 431

# Thousands at once.
"$CROWD" "$port" "$CROWD_COUNT" >crowd.out || fail "the crowd: $(cat crowd.out)"

# A port that is taken, and one that is not for everybody's address.
expect 3 origin --port "$port"
says err "port $port is taken; give another with --port"
expect 3 origin --address 192.0.2.1
says err "not this machine's"

# It ends within a second though a connection is open, and says what it did.
curl --silent --noproxy '*' --limit-rate 10k -o slow "${url}slow?size=1T" &
slow=$!
await test -s slow || fail 'a long answer did not begin'
kill -INT "$origin_pid"
ends_in_time "$origin_pid" 1500 || fail "origin took $ended_after ms to end, not a second"
wait "$origin_pid"
code=$?
origin_pid=
[ "$code" -eq 0 ] || fail "origin ended with $code"
kill "$slow" 2>/dev/null
says origin.err 'served [0-9]* connections and [0-9]* requests'

# Connections that ask for nothing, or too slowly, end.
start_origin --idle-timeout 600ms
exchange '' -k >/dev/null
[ ! -s answer ] || fail 'an idle connection was answered'
stop_origin TERM || fail 'origin did not end well'
start_origin --header-timeout 300ms
answers 'GET / HT' 408 -k
stop_origin TERM || fail 'origin did not end well'

# The latency comes before each answer; the number of connections is limited, and the rest wait.
start_origin --latency 200ms --size 7 -w 2
begin=$(milliseconds)
[ "$(fetch "$url" | wc -c)" -eq 7 ] || fail '--size was not kept'
[ $(($(milliseconds) - begin)) -ge 200 ] || fail 'the latency was not kept'
for n in 1 2 3 4 5; do
    fetch -o "w$n" "$url$n" &
    eval "w$n=\$!"
done
for n in 1 2 3 4 5; do
    eval "wait \$w$n" || fail 'a connection beyond the limit was not served in the end'
done
stop_origin TERM || fail 'origin did not end well'

# A connection that is only kept alive gives its place to one that waits.
start_origin --size 7 -w 1 --idle-timeout 1h
fetch --parallel --parallel-immediate -o kept "${url}kept" -o waits "${url}waits" -o last "${url}last" ||
    fail 'connections wait for one that is idle'
stop_origin TERM || fail 'origin did not end well'

# Out of descriptors: connections wait until others have ended, and none is lost.
cat >few <<'EOF'
#!/bin/sh
ulimit -n 64
exec "$COMMAND" "$@"
EOF
chmod +x few
export COMMAND="$OVERLAP"
OVERLAP=./few start_origin
timeout 300 "$CROWD" "$port" 100 >crowd.out || fail "the crowd, with few descriptors: $(cat crowd.out)"
stop_origin TERM || fail 'a server with few descriptors did not end well'
finish
