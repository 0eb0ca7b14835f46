#!/bin/sh
# Builds and runs programs with find_package(overlap), from C and C++, shared and static.
set -eu
[ -x "$CXX" ] || { echo "there is no C++ compiler"; exit 77; }
work=$STAGE-cmake
rm -rf "$work"
"$CMAKE" -G Ninja -S "$SOURCE/consumer" -B "$work" -DCMAKE_PREFIX_PATH="$STAGE/opt/overlap" \
    -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" -DWANTED_VERSION="$VERSION"
"$CMAKE" --build "$work"
for program in c-shared c-static cxx-shared cxx-static; do
    echo "$program:"
    env -u LD_LIBRARY_PATH "$work/$program" "$VERSION"
done
