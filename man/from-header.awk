# Makes a manual page of section 3, in scdoc's language, of a public header: its contracts are written there once.
#
#   awk -v version=V -v page=ovl_channel -v example=FILE -f from-header.awk include/overlap/channel.h
#
# The comment at the header's top is the page's description, each comment above a declaration that declaration's; a
# file of an example, where there is one, is its EXAMPLE.

function escape(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/\*/, "\\*", text)
    gsub(/_/, "\\_", text)
    gsub(/`/, "", text)
    gsub(/#/, "\\#", text)
    gsub(/~/, "\\~", text)
    gsub(/</, "\\<", text)
    gsub(/>/, "\\>", text)
    sub(/^[-+.]/, "\\\\&", text)
    return text
}

# The lines of a comment, as paragraphs; what is indented is code.
function put_text(text,    lines, count, i, line, literal, blank, label) {
    # Labels that stand within a line begin a paragraph of their own.
    gsub(/[.] Ownership:/, ".\n\nOwnership:", text)
    gsub(/[.] Threads:/, ".\n\nThreads:", text)
    gsub(/[.] Errors:/, ".\n\nErrors:", text)
    gsub(/[.] Source:/, ".\n\nSource:", text)
    gsub(/[.] Example:/, ".\n\nExample:", text)
    count = split(text, lines, "\n")
    literal = 0
    blank = 1
    for (i = 1; i <= count; i++) {
        line = lines[i]
        if (line ~ /^    +[^ ]/ && (blank || literal)) {
            if (!literal)
                print "```"
            literal = 1
            print substr(line, 5)
            blank = 0
            continue
        }
        if (literal) {
            print "```\n"
            literal = 0
            blank = 1
        }
        sub(/^ +/, "", line)
        if (line == "") {
            if (!blank)
                print ""
            blank = 1
            continue
        }
        if (match(line, /^(Ownership|Threads|Errors|Source|Example|Returns):/)) {
            if (!blank)
                print ""
            label = substr(line, 1, RLENGTH)
            print "*" label "* " escape(substr(line, RLENGTH + 2))
        } else
            print escape(line)
        blank = 0
    }
    if (literal)
        print "```"
    print ""
}

# The map of errors is a table of names and what they mean.
function put_map(code,    lines, count, i, parts) {
    if (code !~ /X[(]OVL_E/)
        return code ~ /ERROR_ENUM/
    count = split(code, lines, "\n")
    for (i = 1; i <= count; i++)
        if (lines[i] ~ /X[(]OVL_E/) {
            split(lines[i], parts, /[(,"]/)
            print "*" escape(parts[2]) "* (" substr(parts[3], 2) ")\n\t" escape(parts[5]) "\n"
        }
    return 1
}

function name_of(declaration,    text) {
    text = declaration
    if (match(text, /ovl_[a-z0-9_]+\(/))
        return substr(text, RSTART, RLENGTH - 1)
    return ""
}

function strip(line) {
    sub(/^ ?[*] ?/, "", line)
    return line
}

function end_declaration() {
    sub(/\n+$/, "", code)
    if (code == "")
        return
    if (code ~ /^OVL_EXPORT/) {
        sub(/^OVL_EXPORT /, "", code)
        gsub(/\n           /, "\n", code)
        functions++
        prototype[functions] = code
        described[functions] = comment
    } else {
        types++
        type[types] = code
        type_text[types] = comment
    }
    comment = ""
    code = ""
}

/^#(ifndef|define|endif|if|else|include)/ && depth == 0 {
    if ($0 ~ /^#define OVL_[A-Z0-9_]+ +[^ ]/)
        code = code $0 "\n"
    next
}
/^OVL_(BEGIN|END)_DECLS/ { next }
!in_comment && depth == 0 && /^\/\*/ {
    if (code != "")
        end_declaration()
    in_comment = 1
    text = ""
    line = $0
    sub(/^\/\* ?/, "", line)
    if (line ~ /\*\/ *$/) {
        sub(/ *\*\/ *$/, "", line)
        in_comment = 0
    }
    text = line
    if (!in_comment) {
        if (!seen_top) { top = text; seen_top = 1 } else comment = text
    }
    next
}
in_comment {
    line = $0
    done = line ~ /\*\/ *$/
    sub(/ *\*\/ *$/, "", line)
    line = strip(line)
    text = text "\n" line
    if (done) {
        in_comment = 0
        if (!seen_top) { top = text; seen_top = 1 } else comment = text
    }
    next
}
/^ *$/ && depth == 0 {
    end_declaration()
    comment = ""
    next
}
{
    code = code $0 "\n"
    opened = gsub(/{/, "{")
    closed = gsub(/}/, "}")
    depth += opened - closed
    if (depth == 0 && code ~ /^OVL_EXPORT/ && $0 ~ /; *$/)
        end_declaration()
}

END {
    end_declaration()
    gsub(/^\n+/, "", top)
    summary = top
    gsub(/\n/, " ", summary)
    gsub(/  +/, " ", summary)
    sub(/[.] .*$/, "", summary)
    sub(/[.]$/, "", summary)
    sub(/^[A-Z][a-z ]*: /, "", summary)
    names = page
    for (i = 1; i <= functions; i++)
        if (name_of(prototype[i]) != page)
            names = names ", " name_of(prototype[i])
    print page "(3) \"overlap " version "\" \"liboverlap\"\n"
    print "# NAME\n"
    print escape(names) " - " escape(summary) "\n"
    print "# SYNOPSIS\n"
    print "```"
    print "#include <overlap.h>"
    for (i = 1; i <= functions; i++)
        print "\n" prototype[i]
    print "```\n"
    print "# DESCRIPTION\n"
    put_text(top)
    if (types) {
        print "# TYPES\n"
        for (i = 1; i <= types; i++) {
            if (put_map(type[i]))
                continue
            put_text(type_text[i])
            print "```\n" type[i] "\n```\n"
        }
    }
    if (functions) {
        print "# FUNCTIONS\n"
        for (i = 1; i <= functions; i++) {
            print "## " escape(name_of(prototype[i])) "\n"
            print "```\n" prototype[i] "\n```\n"
            put_text(described[i])
        }
    }
    if (example != "") {
        print "# EXAMPLE\n\n```"
        while ((getline line < example) > 0)
            print line
        print "```\n"
    }
    print "# SEE ALSO\n"
    print "*liboverlap*(7), *overlap*(1)"
}
