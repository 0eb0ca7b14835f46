#!/bin/sh
# Proves that libcurl, with OpenSSL, runs unmodified in hundreds of coroutines against a real web server.
#
#     web.sh PROGRAM
set -eu
scratch=$(mktemp -d)
# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/../support/nginx.sh"
trap 'stop_nginx; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
mkdir "$scratch/www"
head -c 100000 /dev/urandom >"$scratch/www/page"
start_nginx
"$1" "$http/page" "$https/page" "$ca" "$scratch/www/page"
