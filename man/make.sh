#!/bin/sh
# make.sh SOURCE OUT VERSION OVERLAP: makes all manual pages below OUT, in man1, man3 and man7.
#
# Pages of section 3 come from the public headers. In those of man/pages a line `@include FILE` stands for the file,
# as code, and `@options VERB` for the options that the command itself lists.
set -eu
source=$1 out=$2 version=$3 overlap=$4
man=$source/man
rm -rf "$out"
mkdir -p "$out/man1" "$out/man3" "$out/man7" "$out/scd"

for header in "$source"/include/overlap/*.h; do
    page=ovl_$(basename "$header" .h)
    example=$man/examples/$page.c
    [ -e "$example" ] || example=
    case $page in
    ovl_export) continue ;; # nothing in it is for its readers
    esac
    awk -v version="$version" -v page="$page" -v example="$example" -f "$man/from-header.awk" "$header" \
        >"$out/scd/$page.3.scd"
    scdoc <"$out/scd/$page.3.scd" >"$out/man3/$page.3"
    # Each function's own name leads to its page.
    sed -nE 's/^OVL_EXPORT .*[ *](ovl_[a-z0-9_]+)\(.*/\1/p' "$header" | while read -r name; do
        [ -e "$out/man3/$name.3" ] || printf '.so man3/%s.3\n' "$page" >"$out/man3/$name.3"
    done
done

for page in "$man"/pages/*.scd; do
    name=$(basename "$page" .scd)
    awk -v version="$version" -v folder="$man" -v overlap="$overlap" -f "$man/expand.awk" "$page" >"$out/scd/$name.scd"
    scdoc <"$out/scd/$name.scd" >"$out/man${name##*.}/$name"
done
