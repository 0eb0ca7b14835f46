#!/bin/sh
# Proves that libpq runs unmodified in coroutines against a real PostgreSQL server.
#
#     postgres.sh PROGRAM
set -eu
scratch=$(mktemp -d)
# shellcheck source=tests/support/postgres.sh
. "$(dirname "$0")/../support/postgres.sh"
trap 'stop_postgres; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
start_postgres
"$1" "${connection:?}"
