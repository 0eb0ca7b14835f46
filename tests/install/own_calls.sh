#!/bin/sh
# own_calls.sh NM MAP LIBRARY HOOKS: the library's own code, apart from its hooks in HOOKS, calls no name that the
# map lists as a hook: it would come by its own hook. And every file of hooks is pulled out of the static LIBRARY.
set -eu
nm=$1 map=$2 library=$3 folder=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

sed 's/#.*//' "$map" | tr -d ' \t' | sed -n '/^global:/,/^local:/p' | sed -n 's/^\([a-z0-9_]*\);$/\1/p' | sort >"$work/hooks"
[ -s "$work/hooks" ] || {
    echo "no hooks found in $map"
    exit 1
}

# "object.o:" heads the symbols of each object. What defines hooks is theirs; base/system.c looks them up, and
# base/own.c calls pthread_join by its name where ThreadSanitizer is to see it.
"$nm" "$library" 2>/dev/null | awk -v hooks="$work/hooks" '
    BEGIN { while ((getline name < hooks) > 0) hooked[name] = 1 }
    /:$/ { object = $0; next }
    NF == 3 && hooked[$3] { defines[object] = 1 }
    NF == 2 && $1 == "U" && hooked[$2] { calls[object] = calls[object] " " $2; any = 1 }
    END { for (object in calls) if (!defines[object]) print object calls[object] }
' | grep -v '^own\.c\.o: pthread_join$' | sort >"$work/wrong" || true
sed 's/^/calls what is hooked: /' "$work/wrong"
[ ! -s "$work/wrong" ]

grep -h -o 'OVL__HOOK_FILE([a-z0-9]*)' "$folder"/*.c | sed 's/.*(\(.*\))/ovl__hook_file_\1/' | sort >"$work/marks"
"$nm" "$library" 2>/dev/null | awk '/:$/ { object = $0 } $1 == "U" && object == "hooks.c.o:" { print $2 }' |
    grep '^ovl__hook_file_' | sort >"$work/pulled"
comm -23 "$work/marks" "$work/pulled" >"$work/left"
sed 's/$/: its file is not in OVL__HOOK_FILES (lib\/hooks\/hooks.h)/' "$work/left"
[ -s "$work/pulled" ] && [ ! -s "$work/left" ]
echo "$(wc -l <"$work/hooks") hooks, none of them called by the library itself"
