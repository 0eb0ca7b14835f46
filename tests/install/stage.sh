#!/bin/sh
# Installs into a staging folder with a prefix of its own, and finds everything there and nothing beside it.
set -eu
prefix=/opt/overlap
rm -rf "$STAGE"
DESTDIR=$STAGE "$CMAKE" --install "$BUILD" --prefix "$prefix" >/dev/null

cd "$STAGE"
if find . -type f | grep -v '^./opt/overlap/'; then
    echo 'these files are installed outside of the prefix'
    exit 1
fi
cd opt/overlap
failed=0
for file in bin/overlap include/overlap.h include/overlap/task.h "$LIBDIR/liboverlap.a" \
    "$LIBDIR/liboverlap.so" "$LIBDIR/liboverlap.so.${VERSION%%.*}" "$LIBDIR/liboverlap.so.$VERSION" \
    share/bash-completion/completions/overlap \
    "$LIBDIR/pkgconfig/overlap.pc" "$LIBDIR/cmake/overlap/overlap-config.cmake"; do
    [ -f "$file" ] || { echo "not installed: $file"; failed=1; }
done

# The command finds its library where it was put, without help from the environment.
printed=$(env -u LD_LIBRARY_PATH bin/overlap --version) || failed=1
case $printed in
*"$VERSION"*) ;;
*) echo "bin/overlap --version printed: $printed"; failed=1 ;;
esac

# Nothing that is installed names the folder that it was built in.
if grep -rlF "$BUILD" include "$LIBDIR/pkgconfig" "$LIBDIR/cmake"; then
    echo "these files name the build folder"
    failed=1
fi
exit $failed
