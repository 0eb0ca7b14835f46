#!/bin/sh
# Builds and runs programs with what pkg-config says, from C and C++, shared and static.
set -eu
prefix=$STAGE/opt/overlap
work=$STAGE-pkgconfig
rm -rf "$work"
mkdir -p "$work"
PKG_CONFIG_LIBDIR=$prefix/$LIBDIR/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$STAGE
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

found=$("$PKG_CONFIG" --modversion overlap)
[ "$found" = "$VERSION" ] || { echo "pkg-config says version $found, not $VERSION"; exit 1; }

# pkg-config quotes for a shell what it prints: a path may hold a blank.
flags=$("$PKG_CONFIG" --cflags overlap)
# As strict as a user may be: the folder is no system's, whose headers are never warned of.
flags="-Wall -Wextra -Wpedantic -Wshadow -Werror $flags"
shared=$("$PKG_CONFIG" --libs overlap)
static=$("$PKG_CONFIG" --libs --static overlap | sed 's/-loverlap/-Wl,-Bstatic -loverlap -Wl,-Bdynamic/')

eval '"$CC" -o "$work/c-shared" "$SOURCE/consumer/consumer.c" '"$flags $shared"
eval '"$CC" -o "$work/c-static" "$SOURCE/consumer/consumer.c" '"$flags $static"
programs='c-shared c-static'
if [ -x "$CXX" ]; then
    eval '"$CXX" -o "$work/cxx-shared" "$SOURCE/consumer/consumer.cc" '"$flags $shared"
    eval '"$CXX" -o "$work/cxx-static" "$SOURCE/consumer/consumer.cc" '"$flags $static"
    programs="$programs cxx-shared cxx-static"
fi

for program in $programs; do
    echo "$program:"
    case $program in
    *-shared) LD_LIBRARY_PATH=$prefix/$LIBDIR "$work/$program" "$VERSION" ;;
    # Without the path: it must not need the shared library.
    *-static) env -u LD_LIBRARY_PATH "$work/$program" "$VERSION" ;;
    esac
done
[ -x "$CXX" ] || { echo "there is no C++ compiler: only C was tried"; exit 77; }
