# An nginx for one test. To be sourced by a POSIX shell that has set `scratch`, a folder that goes with the test.
#
#   start_nginx   starts one that serves $scratch/www on loopback, by http and by https, and returns when it takes
#                 connections; sets `http` and `https`, the roots of its URLs, and `ca`, the file of the authority that
#                 signed its certificate, made for the test. Exits with 77 where nginx or openssl is not installed.
#                 $nginx_server, where it is set, goes into the block of its one server, and $nginx_tls (http2)
#                 to where that listens for https.
#   stop_nginx    ends it; to be called before $scratch is removed.
# shellcheck shell=sh
: "${scratch:?}"

make_certificate() {
    ca=$scratch/ca.pem
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=test authority' \
        -keyout "$scratch/ca.key" -out "$ca" &&
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$scratch/server.key" -out "$scratch/server.csr" &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$scratch/names" &&
        openssl x509 -req -days 2 -in "$scratch/server.csr" -CA "$ca" -CAkey "$scratch/ca.key" -CAcreateserial \
            -extfile "$scratch/names" -out "$scratch/server.pem"
}

configure_nginx() {
    user=
    [ "$(id -u)" -ne 0 ] || user='user root;'
    cat <<TEXT
$user worker_processes 1; pid $scratch/nginx.pid; error_log $scratch/nginx.err;
events { worker_connections 2048; }
http {
    access_log off; keepalive_requests 1000000;
    client_body_temp_path $scratch/t1; proxy_temp_path $scratch/t2; fastcgi_temp_path $scratch/t3;
    uwsgi_temp_path $scratch/t4; scgi_temp_path $scratch/t5;
    ssl_certificate $scratch/server.pem; ssl_certificate_key $scratch/server.key;
    server {
        listen 127.0.0.1:$1; listen 127.0.0.1:$2 ssl ${nginx_tls:-}; root $scratch/www;
        ${nginx_server:-}
    }
}
TEXT
}

# It binds its ports before it returns, and goes on in the background. Where a port is taken, others are tried.
start_nginx() {
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || { echo 'nginx is not installed'; exit 77; }
    command -v openssl >/dev/null || { echo 'openssl is not installed'; exit 77; }
    make_certificate >"$scratch/openssl.log" 2>&1 || { cat "$scratch/openssl.log" >&2; exit 1; }
    for try in 1 2 3 4 5 6 7 8 9; do
        port=$(awk -v seed="$$$try" 'BEGIN { srand(seed); print 20000 + int(rand() * 6000) * 2 }')
        configure_nginx "$port" $((port + 1)) >"$scratch/nginx.conf"
        if "$nginx" -p "$scratch" -c "$scratch/nginx.conf" -e "$scratch/nginx.err" 2>"$scratch/nginx.log"; then
            # shellcheck disable=SC2034 # for those who source this
            http=http://localhost:$port https=https://localhost:$((port + 1))
            return 0
        fi
    done
    cat "$scratch/nginx.log" >&2
    exit 1
}

stop_nginx() {
    [ -s "$scratch/nginx.pid" ] || return 0
    nginx_pid=$(cat "$scratch/nginx.pid")
    kill "$nginx_pid" 2>/dev/null || return 0
    # The file goes with the last of it; where somebody has killed it, the file stays.
    while [ -e "$scratch/nginx.pid" ] && kill -0 "$nginx_pid" 2>/dev/null; do sleep 0.02; done
}
