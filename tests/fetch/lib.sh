#!/bin/sh
# What the tests of fetch share, beside those of the command: the server with faults.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"
: "${FAULTY:?}" "${VERIFY:?}" "${FETCH_SCHEMA:?}" "${SCHEMA_CHECK:?}"
faulty_pid=

end_faulty() {
    [ -z "$faulty_pid" ] || kill "$faulty_pid" 2>/dev/null
    [ -z "$faulty_pid" ] || wait "$faulty_pid" 2>/dev/null
    faulty_pid=
}
trap 'end_faulty; clean' EXIT

# start_faulty ARGUMENT...: sets port and site.
start_faulty() {
    rm -f faulty.port
    "$FAULTY" "$@" >faulty.port 2>faulty.err </dev/null &
    faulty_pid=$!
    await test -s faulty.port || fail "the server did not start: $(cat faulty.err)"
    read -r port <faulty.port
    # shellcheck disable=SC2034 # for those who source this
    site=http://127.0.0.1:$port
}

# document: holds ./out against the schema.
fetch_document() {
    "$SCHEMA_CHECK" "$FETCH_SCHEMA" <out || fail "not as the schema has it: $(cat out)"
}

# holds PATH FILE: whether the file is the server's page.
holds() {
    "$VERIFY" "$1" "$2" || fail "$2 is not $1"
}

# json KEY: the first value of a key in ./out.
json() {
    sed -nE "s/^ *\"$1\": (.*[^,]),?\$/\\1/p" out | head -1
}

# equals KEY VALUE: whether ./out has it so.
equals() {
    [ "$(json "$1")" = "$2" ] || fail "$1 is $(json "$1"), not $2: $(cat out err)"
}
