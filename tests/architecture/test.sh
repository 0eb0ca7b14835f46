#!/bin/sh
# test.sh INCLUDES ROOT: the tree keeps to ARCHITECTURE.md; and INCLUDES finds what breaks it, planted in a copy.
set -u
includes=$1 root=$2
copy=$(mktemp -d) || exit 2
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM
failed=0

sh "$includes" "$root" || failed=1

# fresh_copy: what the check reads.
fresh_copy()
{
    rm -rf "${copy:?}"/*
    cp -R "$root/ARCHITECTURE.md" "$root/lib" "$root/tool" "$root/examples" "$root/include" "$copy"
}

# must_find WHAT PATTERN: the check must fail on the copy, and say the pattern.
must_find()
{
    if said=$(sh "$includes" "$copy" 2>&1); then
        echo "not found: $1"
        failed=1
    elif ! printf '%s\n' "$said" | grep -qE "$2"; then
        printf 'found otherwise: %s; it said:\n%s\n' "$1" "$said"
        failed=1
    fi
}

# plant FILE LINE PATTERN: a file with that line is found.
plant()
{
    fresh_copy
    mkdir -p "$(dirname "$copy/$1")"
    printf '/* planted */\n%s\n' "$2" >"$copy/$1"
    must_find "$2 in $1" "$3"
}

plant lib/base/planted.c '#include "loop/loop.h"' '^lib/base/planted.c:2: lib/base may not include lib/loop'
plant lib/ledger/planted.h '# include "../executor/executor.h"' '^lib/ledger/planted.h:2: lib/ledger may not'
plant lib/executor/planted.c '#include "report/console.h"' '^lib/executor/planted.c:2: '
plant lib/executor/planted.c '#include <curl/curl.h>' '^lib/executor/planted.c:2: lib/executor may not know'
plant lib/hooks/planted.c '  #  include   "executor/executor.h" /* why */' '^lib/hooks/planted.c:2: lib/hooks may not'
plant lib/attic/planted.c 'int planted;' '^lib/attic/planted.c: is in no room'
plant tool/compare/planted.c '#include "base/system.h"' '^tool/compare/planted.c:2: tool/compare may not include lib/base'
plant tool/report/planted.c '#include "../../lib/base/system.h"' '^tool/report/planted.c:2: tool/report may not'
plant tool/report/planted.c '#include "origin/page.h"' '^tool/report/planted.c:2: tool/report may not'
plant tool/planted.c '#include <overlap.h>' '^tool/planted.c: is in no room'
plant examples/planted.c '#include "base/list.h"' '^examples/planted.c:2: examples may not include lib/base'
plant include/overlap/planted.h '#include "base/list.h"' '^include/overlap/planted.h:2: include may not'
plant include/overlap/planted.h '#include <overlap/none.h>' '^include/overlap/planted.h:2: <overlap/none.h> is no'
plant lib/base/planted.c '#include "nowhere.h"' '^lib/base/planted.c:2: "nowhere.h" is no file'
plant lib/base/planted.c '#include PLANTED' '^lib/base/planted.c:2: an include that cannot be read'

fresh_copy
sed -i 's|^lib/base  *->|& lib/coroutine|' "$copy/ARCHITECTURE.md"
must_find 'a circle of arrows' 'go in a circle'

fresh_copy
sed -i 's|^lib/base  *->|lib/cellar ->\n&|' "$copy/ARCHITECTURE.md"
must_find 'a room without files' 'names the room lib/cellar'

exit $failed
