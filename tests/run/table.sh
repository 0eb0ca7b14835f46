#!/bin/sh
# table.sh ROOT OVERLAP [--write]: holds the table in docs/from-gnu-parallel.md against what running both prints; writes it
# there where that is asked for.
set -u
root=$1
overlap=$2
page=$root/docs/from-gnu-parallel.md
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
sh "$here/parallel.sh" "$here/parallel.cases" "$overlap" >"$work/table" || exit 1
awk -v table="$work/table" '
    /^<!-- the table begins -->$/ { print; while ((getline line < table) > 0) print line; skip = 1 }
    /^<!-- the table ends -->$/ { skip = 0 }
    !skip' "$page" >"$work/page" || exit 1
[ "$(grep -c '^| [0-9]' "$work/page")" -ge 60 ] || { echo 'the table has fewer than 60 rows'; exit 1; }
if [ "${3-}" = --write ]; then
    cp "$work/page" "$page"
    exit
fi
diff "$page" "$work/page" || { echo "docs/from-gnu-parallel.md: run $0 ROOT OVERLAP --write"; exit 1; }
