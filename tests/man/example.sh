#!/bin/sh
# example.sh PROGRAM EXPECTED: runs an example of the manual, a program or a shell script, in an empty folder, and
# holds what it prints against the file EXPECTED.
set -u
program=$(readlink -f -- "$1") expected=$(readlink -f -- "$2")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
cd "$folder" || exit 1
# A proxy of this machine's would stand between the examples and their servers.
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
mkdir bin
[ -z "${OVERLAP-}" ] || ln -s "$OVERLAP" bin/overlap
# On a busy machine, pyenv's shim takes longer to start Python than the example takes.
[ ! -x /usr/bin/python3 ] || ln -s /usr/bin/python3 bin/python3
# What pkg-config says once overlap is installed: under names without the blanks that a checkout's may have.
[ -z "${OVERLAP_HEADERS-}" ] || {
    mkdir installed
    ln -s "$OVERLAP_HEADERS" installed/include
    ln -s "$OVERLAP_LIBRARY" installed/lib
    printf '#!/bin/sh\necho "-I%s/include -L%s/lib -loverlap"\n' "$folder/installed" "$folder/installed" >bin/pkg-config
    chmod +x bin/pkg-config
}
PATH=$folder/bin:$PATH
export PATH
case $program in
*.sh) sh -eu "$program" >printed </dev/null ;;
*) "$program" >printed </dev/null ;;
esac
code=$?
[ "$code" -eq 0 ] || { echo "it exited with $code"; exit 1; }
diff "$expected" printed
