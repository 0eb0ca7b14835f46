#!/bin/sh
# The Debian package: made by CPack, as its form wants it, and all that is in it works from where it is unpacked.
set -eu
command -v dpkg-deb >/dev/null || { echo 'there is no dpkg-deb'; exit 77; }
command -v dpkg-shlibdeps >/dev/null || { echo 'there is no dpkg-shlibdeps'; exit 77; }
place=$STAGE-package
rm -rf "$place"
mkdir -p "$place/made" "$place/root"
cpack=$(dirname "$CMAKE")/cpack
# A package is for everybody, also where who makes it keeps all to themselves.
(umask 077 && "$cpack" --config "$BUILD/CPackConfig.cmake" -B "$place/made" >"$place/log" 2>&1) ||
    { cat "$place/log"; exit 1; }
package=$(echo "$place"/made/*.deb)
[ -f "$package" ] || { echo "no package was made: $(cat "$place/log")"; exit 1; }

field() {
    dpkg-deb --field "$package" "$1"
}
[ "$(field Package)" = overlap ]
[ "$(field Version)" = "$VERSION" ]
case $(field Depends) in
*libc6*libcurl*libjansson* | *libcurl*libc6* | *libjansson*) ;;
*) echo "it depends on: $(field Depends)"; exit 1 ;;
esac

if dpkg-deb --contents "$package" | grep -v '^\(drwxr-xr-x\|-rw[-x]r-[-x]r-[-x]\|lrwxrwxrwx\) '; then
    echo 'these are not for everybody'
    exit 1
fi

dpkg-deb --extract "$package" "$place/root"
cd "$place/root/usr"
env -u LD_LIBRARY_PATH bin/overlap --version | grep -Fq "$VERSION"
env -u LD_LIBRARY_PATH bin/overlap compare cpu --sums 2 --number 10 >/dev/null
for file in share/man/man1/overlap.1 share/man/man3/ovl_submit.3 share/bash-completion/completions/overlap \
    share/zsh/site-functions/_overlap share/fish/vendor_completions.d/overlap.fish include/overlap.h; do
    [ -f "$file" ] || [ -f "$file.gz" ] || { echo "not in the package: $file"; exit 1; }
done
if dpkg-deb --contents "$package" | awk '{ print $6 }' | grep -v '^\./\(usr/.*\)\?$'; then
    echo 'these are not below /usr'
    exit 1
fi
