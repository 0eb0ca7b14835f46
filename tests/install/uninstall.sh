#!/bin/sh
# What was installed can be taken away again: nothing of it is left, and nothing else is touched.
set -eu
place=$STAGE-uninstall
rm -rf "$place"
mkdir -p "$place/opt/overlap/share/man/man1"
echo theirs >"$place/opt/overlap/share/man/man1/other.1"
DESTDIR=$place "$CMAKE" --install "$BUILD" --prefix /opt/overlap >/dev/null
[ -f "$place/opt/overlap/bin/overlap" ]
DESTDIR=$place "$CMAKE" -D MANIFEST="$BUILD/install_manifest.txt" -P "$ROOT/cmake/uninstall.cmake" >/dev/null
left=$(find "$place" -type f -o -type l)
[ "$left" = "$place/opt/overlap/share/man/man1/other.1" ] || { echo "left behind: $left"; exit 1; }
! find "$place" -type d -name overlap -path '*/share/*' | grep . || { echo 'folders of its own are left'; exit 1; }

# Where nothing was installed, it says so.
if "$CMAKE" -D MANIFEST="$place/none" -P "$ROOT/cmake/uninstall.cmake" 2>"$place/said"; then
    echo 'it took away what was never installed'
    exit 1
fi
grep -q 'nothing was installed' "$place/said"
