#!/bin/sh
# includes.sh ROOT: holds every #include of lib, tool, examples and include against the tables in ROOT's
# ARCHITECTURE.md. Names each line that goes where no arrow goes, and fails if there is one.
set -u
cd "$1" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# block NAME: the lines of ARCHITECTURE.md between ```NAME and ```.
block()
{
    awk -v name="$1" '/^```/ { inside = ($0 == "```" name); next } inside' ARCHITECTURE.md
}

for table in arrows outside drawing; do
    block "$table" | grep -v '^$' >"$work/$table"
    [ -s "$work/$table" ] || { echo "ARCHITECTURE.md has no block called $table"; exit 1; }
done

find lib tool examples include -type f \( -name '*.[chS]' -o -name '*.cc' \) | sort >"$work/files"
tr '\n' '\0' <"$work/files" | xargs -0 grep -nHE '^[[:space:]]*#[[:space:]]*include' >"$work/includes"

awk -v tables="$work" '
    function fail(words) { print words; failures++ }

    function parent(path) { return sub(/\/[^\/]*$/, "", path) ? path : "." }

    # a/b/../c is a/c; what climbs out of the root stays as it is, and is found nowhere.
    function normal(path) {
        while (sub(/\/\.\//, "/", path) || sub(/[^\/.][^\/]*\/\.\.\//, "", path))
            ;
        return path
    }

    # A row names a folder or a file without its ending; the longest that fits is the room.
    function room_of(path,    room, best) {
        best = ""
        for (room in rooms)
            if ((index(path, room "/") == 1 || index(path, room ".") == 1) && length(room) > length(best))
                best = room
        return best
    }

    function quoted_path(file, name) {
        if (normal(parent(file) "/" name) in files)
            return normal(parent(file) "/" name)
        if (file ~ /^lib\// || !("tool/" name in files))
            return "lib/" name in files ? "lib/" name : ("include/" name in files ? "include/" name : "")
        return "tool/" name
    }

    function check_quoted(where, file, name,    path, from, to) {
        path = quoted_path(file, name)
        from = room_of(file)
        to = room_of(path)
        if (path == "")
            fail(where ": \"" name "\" is no file of the project")
        else if (to != from && to != "include" && !((from, to) in arrow))
            fail(where ": " from " may not include " to " (" path "): no such arrow in ARCHITECTURE.md")
    }

    function check_angled(where, file, name,    prefix) {
        if (name ~ /^overlap[.\/]/) {
            if (!("include/" name in files))
                fail(where ": <" name "> is no public header")
            return
        }
        for (prefix in outside)
            if (index(name, prefix) == 1 && !((prefix, room_of(file)) in knows))
                fail(where ": " room_of(file) " may not know <" name ">: only" outside[prefix])
    }

    function read_tables(    line, word, count, i) {
        while ((getline line < (tables "/files")) > 0)
            files[line] = 1
        while ((getline line < (tables "/arrows")) > 0) {
            count = split(line, word, " ")
            if (word[2] != "->")
                fail("ARCHITECTURE.md: not an arrow: " line)
            rooms[word[1]] = 1
            for (i = 3; i <= count; i++)
                arrow[word[1], word[i]] = 1
        }
        while ((getline line < (tables "/outside")) > 0) {
            count = split(line, word, " ")
            outside[word[1]] = " "
            for (i = 3; i <= count; i++) {
                knows[word[1], word[i]] = 1
                outside[word[1]] = outside[word[1]] word[i] " "
            }
        }
    }

    function check_rooms(    file, room, pair, name, used, drawing, line) {
        while ((getline line < (tables "/drawing")) > 0)
            drawing = drawing line "\n"
        for (file in files)
            if ((room = room_of(file)) == "")
                fail(file ": is in no room that ARCHITECTURE.md names")
            else
                used[room] = 1
        for (room in rooms) {
            name = room
            sub(/.*\//, "", name)
            if (!used[room])
                fail("ARCHITECTURE.md names the room " room ", where there is no file")
            if (!index(drawing, name))
                fail("the drawing in ARCHITECTURE.md lacks " room)
        }
        for (pair in arrow) {
            split(pair, name2, SUBSEP)
            if (!(name2[2] in rooms))
                fail("ARCHITECTURE.md has an arrow to " name2[2] ", which is no room")
        }
        for (pair in knows) {
            split(pair, name2, SUBSEP)
            if (!(name2[2] in rooms))
                fail("ARCHITECTURE.md lets " name2[2] " know " name2[1] ", but it is no room")
        }
    }

    BEGIN {
        read_tables()
        check_rooms()
    }

    {
        match($0, /:[0-9]+:/)
        file = substr($0, 1, RSTART - 1)
        where = substr($0, 1, RSTART + RLENGTH - 2)
        text = substr($0, RSTART + RLENGTH)
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
        name = substr(text, 2)
        sub(/[">].*/, "", name)
        if (text ~ /^"[^"]+"/)
            check_quoted(where, file, name)
        else if (text ~ /^<[^>]+>/)
            check_angled(where, file, name)
        else
            fail(where ": an include that cannot be read: " text)
    }

    END { exit failures != 0 }
' "$work/includes"
result=$?

# No way leads back: rooms can be read, and tested, from the bottom up.
awk '{ for (i = 3; i <= NF; i++) print $1, $i }' "$work/arrows" >"$work/pairs"
if ! tsort "$work/pairs" >/dev/null 2>"$work/loop"; then
    echo 'the arrows of ARCHITECTURE.md go in a circle:'
    awk '/contains a loop/ && ++loops > 1 { exit } !/contains a loop/ { print "  " $2 }' "$work/loop"
    result=1
fi
exit $result
