#!/bin/sh
# The manual's pages: complete, true to the headers, and rendered without a complaint.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# Every public function has a page of its name, which leads to one that has its contract.
names=$(sed -nE 's/^OVL_EXPORT .*[ *](ovl_[a-z0-9_]+)\(.*/\1/p' "$SOURCE"/include/overlap/*.h)
[ "$(echo "$names" | wc -l)" -ge 40 ] || fail 'hardly any function was found in the headers'
for name in $names; do
    page=$MANUAL/man3/$name.3
    [ -e "$page" ] || { fail "$name has no page"; continue; }
    target=$(sed -n 's/^\.so //p' "$page")
    [ -z "$target" ] || [ -e "$MANUAL/$target" ] || fail "$name leads to $target, which is not there"
done

# Every public function declared in a way that the manual's maker does not see is a mistake of the header's form.
for header in "$SOURCE"/include/overlap/*.h; do
    declared=$(grep -c '^OVL_EXPORT' "$header")
    page=$MANUAL/scd/ovl_$(basename "$header" .h).3.scd
    [ "$declared" -gt 0 ] || continue
    described=$(sed -n '/^# FUNCTIONS/,$p' "$page" | grep -c '^## ')
    [ "$declared" -eq "$described" ] || fail "$header declares $declared functions, its page has $described"
done

# The synopses compile, beside the headers that they are of.
for page in "$MANUAL"/scd/*.3.scd; do
    sed -n '/^# SYNOPSIS/,/^# DESCRIPTION/p' "$page" | sed '/^#[^i]/d; /^```/d' >"$folder/synopsis.c"
    "${CC:-cc}" -fsyntax-only -Wall -Wextra -Werror -Wno-redundant-decls -I"$SOURCE/include" "$folder/synopsis.c" ||
        fail "the synopsis of $page"
done

# Every verb has a page, and every option of its --help is on it.
verbs=$("$OVERLAP" --help | sed -nE '/^Verbs:/,/^$/s/^  ([a-z]+) .*/\1/p')
[ -n "$verbs" ] || fail 'no verbs were found'
for verb in $verbs; do
    page=$MANUAL/man1/overlap-$verb.1
    [ -e "$page" ] || { fail "overlap $verb has no page"; continue; }
    "$OVERLAP" "$verb" --help | grep -oE '^ +(-[A-Za-z0-9], )?--[a-z0-9-]+' | grep -oE -e '--.*' |
        while read -r option; do
            sed 's/\\//g' "$page" | grep -Fq -e "$option" || echo "$option"
        done >"$folder/missing"
    [ ! -s "$folder/missing" ] || fail "$page is without: $(tr '\n' ' ' <"$folder/missing")"
    grep -Fq "overlap-$verb" "$MANUAL/man1/overlap.1" || sed 's/\\//g' "$MANUAL/man1/overlap.1" |
        grep -Fq "overlap-$verb" || fail "overlap.1 does not name $verb"
done

# The overview leads to every header's page.
for page in "$MANUAL"/scd/*.3.scd; do
    name=$(basename "$page" .3.scd)
    grep -Fq "*$name*(3)" "$MANUAL/scd/liboverlap.7.scd" || fail "liboverlap.7 does not name $name"
done

# What the pages name under SEE ALSO and elsewhere exists.
for page in "$MANUAL"/scd/*.scd; do
    grep -oE '\*[a-z_\\-]+\*\([137]\)' "$page" | sed 's/[*\\]//g; s/(/./; s/)//' | sort -u | while read -r other; do
        [ -e "$MANUAL/man${other##*.}/$other" ] || echo "$(basename "$page"): $other"
    done
done >"$folder/dangling"
[ ! -s "$folder/dangling" ] || fail "these pages are named and do not exist: $(cat "$folder/dangling")"

# Rendered without warnings.
if command -v groff >/dev/null; then
    for page in "$MANUAL"/man1/*.1 "$MANUAL"/man7/*.7 "$MANUAL"/man3/ovl_executor.3; do
        groff -man -Tutf8 -ww "$page" 2>"$folder/warnings" >/dev/null
        [ ! -s "$folder/warnings" ] || fail "$page: $(head -3 "$folder/warnings")"
    done
fi
[ "$failures" -eq 0 ]
