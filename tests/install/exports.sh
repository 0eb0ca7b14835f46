#!/bin/sh
# exports.sh NM LIBRARY MAP HEADERS: the library exports each public function that the headers name, each hook
# that the map names, and nothing else.
set -eu
nm=$1 library=$2 map=$3 headers=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# A public function's name is what stands before the first bracket after OVL_EXPORT.
public_functions()
{
    find "$headers" -name '*.h' -exec cat {} + | grep -v '^#' | tr '\n' ' ' | grep -o 'OVL_EXPORT [^()#]*(' |
        sed 's/ *($//; s/.*[ *]//'
}

# The hooks are the map's global names without a wildcard.
hooks()
{
    sed 's/#.*//' "$map" | tr -d ' \t' | sed -n '/^global:/,/^local:/p' | sed -n 's/^\([a-z0-9_]*\);$/\1/p'
}

public_functions | sort >"$work/functions"
hooks | sort >"$work/hooks"
for list in functions hooks; do
    [ -s "$work/$list" ] || {
        echo "no $list found in $headers and $map"
        exit 1
    }
done
sort "$work/functions" "$work/hooks" >"$work/wanted"
"$nm" -D --defined-only "$library" | awk '{ print $NF }' | sort >"$work/exported"

comm -23 "$work/wanted" "$work/exported" >"$work/lacking"
comm -13 "$work/wanted" "$work/exported" >"$work/surplus"
sed 's/^/not exported, and should be: /' "$work/lacking"
sed 's/^/exported, and named neither in a public header nor as a hook: /' "$work/surplus"
if [ -s "$work/lacking" ] || [ -s "$work/surplus" ]; then
    exit 1
fi
echo "$(wc -l <"$work/functions") functions and $(wc -l <"$work/hooks") hooks, and nothing else"
