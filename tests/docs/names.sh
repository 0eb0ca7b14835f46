#!/bin/sh
# What the pages of docs/ and the README call by a name of the library's is in its headers, and the pages that they
# link to are there.
set -u
cd "${SOURCE:?}" || exit 1

for page in README.md ARCHITECTURE.md docs/*.md; do
    grep -oE '\b(ovl_[a-z0-9_]+|OVL_[A-Z0-9_]+)' "$page" | sort -u | while read -r name; do
        case $name in
        *_) ;; # a prefix stands for all that begins so
        ovl__*) grep -rqwF -e "$name" lib || echo "FAILED: $page: $name is not in the library" ;;
        *) # or a variable of the environment
            grep -rqwF -e "$name" include || grep -rqF -e "getenv(\"$name\")" lib ||
                echo "FAILED: $page: $name is in no header" ;;
        esac
    done
    grep -oE '\]\([^)# ]+' "$page" | sed 's/](//' | grep -v '^[a-z]*:' | while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || echo "FAILED: $page links to $link"
    done
done | {
    ! grep .
}
