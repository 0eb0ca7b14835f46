# Fills in what a page of man/pages leaves to others: see make.sh.

function escape(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/[*_`#~<]/, "\\\\&", text)
    return text
}

# The options as `overlap VERB --help` lists them: the names, then what they do, which may go on below.
function put_options(verb,    command, line, text, open) {
    command = "\"" overlap "\" " verb " --help"
    while ((command | getline line) > 0) {
        if (line ~ /^ +-/) {
            sub(/^ +/, "", line)
            text = ""
            if (match(line, /  +[^ ]/)) {
                text = substr(line, RSTART)
                line = substr(line, 1, RSTART - 1)
                sub(/^ +/, "", text)
            }
            if (open)
                print ""
            print "*" escape(line) "*"
            if (text != "")
                print "\t" escape(text)
            open = 1
        } else if (line ~ /^        +[^ ]/ && open) {
            sub(/^ +/, "", line)
            print "\t" escape(line)
        } else if (line ~ /^[A-Z].*:$/ && line !~ /^(Usage|Options|Verbs):/) {
            sub(/:$/, "", line)
            print "\n## " escape(line) "\n"
            open = 0
        } else if (open && line !~ /^ *$/ && line !~ /^ /) {
            open = 0
        }
    }
    close(command)
    print ""
}

# The names of libc's that the library exports, as its map lists them.
function put_hooks(map,    line, name, names) {
    while ((getline line < map) > 0) {
        gsub(/[ ;]/, "", line)
        if (line ~ /^(__)?[a-z][a-z0-9_]*$/ && line !~ /^ovl_/)
            names = names (names == "" ? "" : ", ") escape(line)
    }
    close(map)
    print names
}

/^@include-hooks$/ {
    put_hooks(folder "/../lib/liboverlap.map")
    next
}
/^@include / {
    file = folder "/" $2
    print "```"
    while ((getline line < file) > 0)
        print line
    close(file)
    print "```"
    next
}
/^@options( |$)/ {
    put_options($2)
    next
}
{
    gsub(/@version@/, version)
    print
}
