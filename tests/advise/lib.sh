#!/bin/sh
# shellcheck shell=sh disable=SC2034 # those who source this use what is set here
# What the tests of `overlap advise` share, beside those of the command.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/../tool/lib.sh"
: "${SCHEMA_CHECK:?}" "${SCHEMA:?}"
python=$(command -v /usr/bin/python3 || command -v python3) || { echo "there is no python3"; exit 77; }

# advise ARGUMENT...: runs it; the document goes to ./document, the exit code to $code.
advise() {
    rm -f document
    "$OVERLAP" advise --output document "$@" >out 2>err </dev/null
    code=$?
    [ -s document ] || { fail "advise $*: no document: $(cat err)"; echo '{}' >document; }
    "$SCHEMA_CHECK" "$SCHEMA" <document || fail "advise $*: not what the schema says: $(cat document)"
}

# holds EXPRESSION: of jq, over the document.
holds() {
    jq -e "$1" document >/dev/null || fail "not so: $1, in $(jq -c . document)"
}
