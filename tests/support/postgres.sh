# A PostgreSQL server for one test. To be sourced by a POSIX shell that has set `scratch`, a folder that goes with
# the test.
#
#   start_postgres   starts one in $scratch/postgres that listens on a socket there alone, and returns when it takes
#                    connections; sets `connection`, as libpq takes it. Exits with 77 where PostgreSQL is not installed.
#   stop_postgres    ends it; to be called before $scratch is removed.
# shellcheck shell=sh
: "${scratch:?}"
postgres_user=

# PostgreSQL refuses to run as root. As root it is run by the user of its package.
as_postgres() {
    if [ -n "$postgres_user" ]; then
        setpriv --reuid "$postgres_user" --regid "$postgres_user" --clear-groups -- "$@"
    else
        "$@"
    fi
}

start_postgres() {
    postgres_bin=
    for folder in /usr/lib/postgresql/*/bin; do
        [ ! -x "$folder/initdb" ] || postgres_bin=$folder
    done
    [ -n "$postgres_bin" ] || { echo 'PostgreSQL is not installed'; exit 77; }
    postgres_data=$scratch/postgres
    mkdir -p "$postgres_data"
    if [ "$(id -u)" -eq 0 ]; then
        postgres_user=postgres
        chown postgres:postgres "$postgres_data"
        chmod a+rx "$scratch"
    fi
    (cd "$postgres_data" && as_postgres "$postgres_bin/initdb" --no-sync --auth trust --username test data) \
        >"$scratch/postgres.log" 2>&1 || { cat "$scratch/postgres.log" >&2; exit 1; }
    # Without waiting for a disk: nothing of it outlives the test.
    (cd "$postgres_data" && as_postgres "$postgres_bin/pg_ctl" --wait --timeout 300 -D data -l "$postgres_data/log" \
        -o "-c listen_addresses= -c unix_socket_directories='$postgres_data' -c fsync=off -c max_connections=200" start) \
        >>"$scratch/postgres.log" 2>&1 || { cat "$scratch/postgres.log" "$postgres_data/log" >&2; exit 1; }
    # shellcheck disable=SC2034 # for those who source this
    connection="host=$postgres_data dbname=postgres user=test"
}

stop_postgres() {
    [ -n "${postgres_data-}" ] || return 0
    (cd "$postgres_data" && as_postgres "$postgres_bin/pg_ctl" --wait -D data -m immediate stop) >/dev/null 2>&1
}
