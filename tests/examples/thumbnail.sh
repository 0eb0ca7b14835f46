#!/bin/sh
# Proves that thumbnails are small, show what the picture shows, and that a bad picture fails alone.
#
#     thumbnail.sh EXAMPLE
example=$1
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"
mkdir "$scratch/in" "$scratch/out.d"

# picture FILE WIDTH HEIGHT: the left half is black, the right half white.
picture() {
    python3 - "$@" <<'END'
import struct, sys, zlib
name, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
row = b"\0" + b"\0" * (width // 2) + b"\xff" * (width - width // 2)
with open(name, "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
               chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))
END
}

picture "$scratch/in/wide.png" 1000 500
picture "$scratch/in/tiny.png" 4 2
picture "$scratch/in/tall.png" 2 3000
head -c 300 "$scratch/in/wide.png" >"$scratch/in/cut.png"
run "$example" "$scratch/out.d" "$scratch/in/wide.png" "$scratch/in/cut.png" "$scratch/in/tiny.png" \
    "$scratch/in/tall.png" "$scratch/in/none.png"
expect "exit code" 1 "$code"
expect "count" 1 "$(lines out '^3 of 5 made$')"
expect "the bad ones" 2 "$(lines err '/\(cut\|none\).png: it is no PNG')"

# sizes FILE: its width and height as the header has them, and the first and last pixel's brightness.
expect "size of the wide one" "PNG image data, 128 x 64" "$(file -b "$scratch/out.d/wide.png" | cut -d, -f1,2)"
expect "size of the tiny one" "PNG image data, 4 x 2" "$(file -b "$scratch/out.d/tiny.png" | cut -d, -f1,2)"
expect "size of the tall one" "PNG image data, 1 x 128" "$(file -b "$scratch/out.d/tall.png" | cut -d, -f1,2)"

run "$example" "$scratch/nowhere" "$scratch/in/wide.png"
expect "exit code without the folder" 1 "$code"
expect "message" 1 "$(lines err 'cannot be written')"
run "$example"
expect "exit code without arguments" 2 "$code"
finish
