/* What replacement strings make of a field: a path's parts, a part of the text. For pieces.c and
 * template.c alone. */
#ifndef TOOL_RUN_CHANGE_H
#define TOOL_RUN_CHANGE_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>

enum change_kind {
    CHANGE_NONE,
    CHANGE_PATH,      /* `folder` and the others say which parts of it stay */
    CHANGE_FOLDER,    /* the folder; "." where there is none */
    CHANGE_DEFAULT,   /* `text` where it is empty */
    CHANGE_PREFIX,    /* without `text` at its beginning */
    CHANGE_SUFFIX,    /* without `text` at its end */
    CHANGE_SUBSTRING, /* from the character `from` on, `length` of them */
};

struct change {
    enum change_kind kind;
    /* A path: */
    bool name_only;     /* without its folder */
    bool folder_only;   /* the folder; nothing where there is none */
    unsigned without;   /* extensions that are taken away, where it has so many */
    unsigned extension; /* so many extensions alone; 0: it stays whole */
    /* Others: */
    struct ovl_bytes text;
    size_t from, length;
};

/*
 * Reads what stands between the braces of a replacement string, behind the name of the field:
 *
 *     .  /  //  /.                      without its extension; its name; its folder; both
 *     ..  ...  /..  /...                as many extensions less        with `plus`, as those below
 *     +/  +.  +..  +...                 the folder; the last extension, or several
 *     :-TEXT  :N  :N:M                  TEXT where it is empty; from character N on, M of them
 *     #TEXT  %TEXT                      without TEXT before it; behind it
 *
 * False: it is none of them. The change points into `text`.
 */
bool change_read(const char *text, size_t size, bool plus, struct change *ret_change);

/* The result is a part of the field or of the change, or a constant. */
struct ovl_bytes change_apply(const struct change *change, struct ovl_bytes field);

#endif
