#!/bin/sh
# fetch's options for the request, the way there and TLS, each as nginx sees it: what curl's users know, and mean.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"
scratch=$folder/nginx
mkdir -p "$scratch/www"
md5() {
    printf %s "$1" | md5sum | cut -d ' ' -f 1
}

# What proves to know the password, where each request has the same nonce.
proof=$(md5 "$(md5 me:here:secret):once:$(md5 GET:/proved)")
# shellcheck disable=SC2016 # these are nginx's variables
nginx_server='
    listen unix:'$scratch'/socket;
    ssl_verify_client optional; ssl_client_certificate '$scratch'/ca.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    gzip on; gzip_types text/plain; gzip_min_length 1;
    default_type text/plain;
    location = /echo {
        return 200 "method=$request_method
host=$http_host
line=$request
agent=$http_user_agent
referer=$http_referer
authorization=$http_authorization
proxy=$http_proxy_authorization
cookie=$http_cookie
own=$http_x_own
second=$http_x_second
protocol=$server_protocol
tls=$ssl_protocol
cipher=$ssl_cipher
client=$ssl_client_s_dn
accepts=$http_accept_encoding
body=$http_x_body
type=$http_x_type
from=$remote_addr
connection=$connection
";
    }
    location /body {
        client_body_in_single_buffer on;
        proxy_pass http://127.0.0.1:$server_port/echo;
        proxy_method $request_method;
        proxy_set_header X-Body $request_body;
        proxy_set_header X-Type $http_content_type;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
    }
    location ~ ^/set/(.*)$ { add_header Set-Cookie "c$1=$1; Path=/"; return 200 "set"; }
    location /named { add_header Content-Disposition "attachment; filename=\"from server.txt\""; return 200 "named"; }
    location /evil { add_header Content-Disposition "attachment; filename=\"../../../evil\""; return 200 "evil"; }
    location = /proved {
        add_header WWW-Authenticate "Digest realm=\"here\", nonce=\"once\"" always;
        if ($http_authorization !~ "^Digest .*response=\"'$proof'\"") { return 401 "who?"; }
        return 200 "method=$request_method\n";
    }
    location /away { return 302 http://127.0.0.1:$server_port/echo; }
'
# shellcheck disable=SC2034 # for nginx.sh
nginx_tls=http2
# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/../support/nginx.sh"
strict_pid=
trap '[ -z "$strict_pid" ] || kill "$strict_pid"; stop_nginx; clean' EXIT
start_nginx
export HOME="$folder"

# ask NAME=VALUE ARGUMENT...: fetches to standard output, where it is to have that line.
ask() {
    line=$1
    shift
    expect 0 fetch -o - --retry 0 "$@"
    grep -qxF -e "$line" out || fail "overlap fetch $*: no line '$line' in: $(cat out)"
}

# lacks ARGUMENT...: fetches all the same, and fails.
lacks() {
    expect 1 fetch --discard --retry 0 "$@"
}

base64_of() {
    printf %s "$1" | base64
}

# What is sent.
ask 'method=GET' "$http/echo"
ask "agent=overlap/$("$OVERLAP" --version | sed -n '1s/^overlap //p')" "$http/echo"
ask 'agent=me/1' -A me/1 "$http/echo"
ask 'referer=http://before/' -e http://before/ "$http/echo"
ask 'own=a thing' -H 'X-Own: a thing' "$http/echo"
ask 'second=another' -H 'X-Own: a thing' -H 'X-Second: another' "$http/echo"
ask 'host=other.example' -H 'Host: other.example' "$http/echo"
ask 'method=PUT' -X PUT "$http/echo"
ask 'method=POST' --data 'a=1&b=2' "$http/body"
ask 'body=a=1&b=2' --data 'a=1&b=2' "$http/body"
ask 'type=application/x-www-form-urlencoded' --data 'a=1' "$http/body"
ask 'type=text/x-own' --data 'a=1' -H 'Content-Type: text/x-own' "$http/body"
ask 'method=PATCH' -X PATCH --data 'a=1' "$http/body"
ask 'accepts=' "$http/echo"
expect 0 fetch -o - --compressed "$http/echo"
says out 'accepts=.*gzip'

# Each line of a list has its own.
{
    printf '%s/body/1\n  out=one\n  method=PUT\n  data=first\n' "$http"
    printf '%s/body/2\n  out=two\n  data=second\n  header=X-Own: 2\n' "$http"
    printf '%s/body/3\n  out=three\n  user-agent=third\n  referer=http://third/\n' "$http"
} >list
expect 0 fetch -i list -w 1 -H 'X-Second: all'
says one '^method=PUT$'
says one '^body=first$'
says one '^own=$'
says two '^method=POST$'
says two '^body=second$'
says two '^own=2$'
says three '^method=GET$'
says three '^body=$'
says three '^agent=third$'
says three '^referer=http://third/$'
for name in one two three; do
    says "$name" '^second=all$'
    rm "$name"
done

# Who asks; and to nobody else.
ask "authorization=Basic $(base64_of me:secret)" -u me:secret "$http/echo"
ask 'authorization=Bearer abc' --oauth2-bearer abc "$http/echo"
ask 'authorization=' -u me:secret "$http/away"
ask "authorization=Basic $(base64_of me:secret)" -u me:secret --basic "$http/echo"
ask 'method=GET' -u me:secret --digest "$http/proved"
ask 'method=GET' -u me:secret --anyauth "$http/proved"
lacks -u me:wrong --digest "$http/proved"
lacks -u me:secret "$http/proved"
says err 'status 401; .*--anyauth'
printf 'machine localhost login me password kept\n' >.netrc
ask 'authorization=' "$http/echo"
ask "authorization=Basic $(base64_of me:kept)" -n "$http/echo"
ask "authorization=Basic $(base64_of me:kept)" --netrc-optional "$http/echo"
printf 'machine localhost login other password file\n' >netrc
ask "authorization=Basic $(base64_of other:file)" --netrc-file netrc "$http/echo"
ask 'authorization=' -n "$http/away"

# Cookies: given, from a file, kept among transfers and in a jar, under every model.
ask 'cookie=a=1' -b a=1 "$http/echo"
ask 'cookie=c7=7' -w 1 "$http/set/7" "$http/echo" -c jar
ask 'cookie=c7=7' -b jar "$http/echo"
for model in sync threads async; do
    rm -f jar
    expect 0 fetch --discard -c jar --model "$model" -w 4 "$http/set/1" "$http/set/2" "$http/set/3" "$http/set/4" \
        "$http/set/5" "$http/set/6" "$http/set/7" "$http/set/8"
    [ "$(grep -c 'localhost.*c[1-8]' jar)" -eq 8 ] || fail "$model: cookies were lost: $(cat jar)"
done
expect 2 fetch --discard -c jar --model processes "$http/set/1"
says err 'cookies each of their own'

# Names that the server proposes: only where asked for, and never out of the folder.
expect 0 fetch -d asked -J "$http/named"
[ "$(cat 'asked/from server.txt')" = named ] || fail "-J: $(ls -A asked)"
expect 0 fetch -d unasked "$http/named"
[ -e unasked/named ] || fail "without -J: $(ls -A unasked)"
expect 0 fetch -d asked -J "$http/evil"
[ "$(find . -name '*evil*')" = ./asked/evil ] || fail "-J: $(find . -name '*evil*')"

# The way there.
ask 'host=there.example' -x "$http" http://there.example/echo
ask 'line=GET http://there.example/echo HTTP/1.1' -x "$http" http://there.example/echo
ask "proxy=Basic $(base64_of me:pass)" -x "$http" -U me:pass http://there.example/echo
http_proxy=$http ask 'host=there.example' http://there.example/echo
http_proxy=http://127.0.0.1:1 ask "host=${http#http://}" -x '' "$http/echo"
http_proxy=http://127.0.0.1:1 ask "host=${http#http://}" --noproxy localhost "$http/echo"
lacks -x http://127.0.0.1:1 "$http/echo"
ask 'from=127.0.0.1' -4 "$http/echo"
lacks -6 "$http/echo"
lacks -6 "http://127.0.0.1:${http##*:}/echo"
ask 'from=127.0.0.3' --interface 127.0.0.3 "$http/echo"
ask "host=there.example:${http##*:}" --resolve "there.example:${http##*:}:127.0.0.1" "http://there.example:${http##*:}/echo"
ask 'host=there.example' --connect-to "there.example:80:localhost:${http##*:}" http://there.example/echo
ask 'from=unix:' --unix-socket "$scratch/socket" http://there.example/echo

# Versions of HTTP.
ask 'protocol=HTTP/1.0' -0 "$http/echo"
ask 'protocol=HTTP/2.0' --cacert "$ca" "$https/echo"
ask 'protocol=HTTP/1.1' --http1.1 --cacert "$ca" "$https/echo"

# Over HTTP/2 all transfers go over one connection, however many are under way.
for n in 1 2 3 4 5 6 7 8; do
    printf '%s/echo?%s\n%s/echo?again%s\n' "$https" $n "$https" $n
done >many
expect 0 fetch -o - --cacert "$ca" -w 16 -i many
connections=$(sed -n 's/^connection=//p' out | sort -u | wc -l)
[ "$connections" -eq 1 ] || fail "16 transfers over HTTP/2 took $connections connections"
[ "$(grep -c '^protocol=HTTP/2.0$' out)" -eq 16 ] || fail "not all went over HTTP/2: $(cat out)"

for n in $(seq 250); do
    echo "$https/echo?$n"
done >many
expect 0 fetch -o - --cacert "$ca" -w 250 -i many
connections=$(sed -n 's/^connection=//p' out | sort -u | wc -l)
[ "$connections" -le 3 ] || fail "250 transfers over HTTP/2 took $connections connections, not three at most"

# TLS: who the server is; who we are.
lacks "$https/echo"
says err 'certificate'
ask 'method=GET' -k "$https/echo"
ask 'tls=TLSv1.3' --tlsv1.3 --cacert "$ca" "$https/echo"
ask 'cipher=TLS_CHACHA20_POLY1305_SHA256' --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256 --cacert "$ca" "$https/echo"
lacks --cacert "$ca" --pinnedpubkey 'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' "$https/echo"
{
    openssl req -newkey rsa:2048 -nodes -subj '/CN=someone' -keyout own.key -out own.csr &&
        openssl x509 -req -days 2 -in own.csr -CA "$ca" -CAkey "$scratch/ca.key" -CAcreateserial -out own.pem &&
        openssl pkcs12 -export -in own.pem -inkey own.key -passout pass:open -out own.p12
} >openssl.log 2>&1 || fail "no certificate was made: $(cat openssl.log)"
ask 'client=' --cacert "$ca" "$https/echo"
ask 'client=CN=someone' --cacert "$ca" -E own.pem --key own.key "$https/echo"
ask 'client=CN=someone' --cacert "$ca" -E own.p12 --cert-type P12 --pass open "$https/echo"
lacks --cacert "$ca" -E own.p12 --cert-type P12 --pass wrong "$https/echo"

# By TLS 1.3 a server that wants a certificate says so once the handshake is over: trying again is of no use.
openssl s_server -accept 127.0.0.1:0 -cert "$scratch/server.pem" -key "$scratch/server.key" -CAfile "$ca" -Verify 1 -WWW \
    >strict.out 2>&1 </dev/null &
strict_pid=$!
await grep -q '^ACCEPT .*:' strict.out || fail "openssl s_server did not start: $(cat strict.out)"
expect 1 fetch --discard --json --cacert "$ca" "https://localhost:$(sed -n 's/^ACCEPT .*://p' strict.out)/own.pem"
says out '"attempts": 1,'
says out 'certificate required.*--cert and --key'
kill "$strict_pid"
wait "$strict_pid" || true
strict_pid=

# Rates: no sooner than they allow, but for the first tenth of a second.
head -c 300000 /dev/zero >"$scratch/www/zeros"
least=1800
for option in --limit-rate --limit-rate-total; do
    begin=$(milliseconds)
    expect 0 fetch --discard "$option" 150k "$http/zeros" "$http/zeros?2"
    took=$(($(milliseconds) - begin))
    [ "$took" -ge "$least" ] || fail "$option 150k: two files of 300 kB in $took ms"
    least=$((2 * least))
done
# Who means a glob, as curl reads it, is told how; who does not, is not.
expect 1 fetch "$http/nowhere/[1-3]"
says err 'status 404; check the URL (with --globs'
expect 1 fetch "$http/nowhere/1"
! grep -q globs err || fail "globs, where there is none: $(cat err)"
finish
