/* The pieces of a word: text as it is, and replacement strings. For template.c alone. */
#ifndef TOOL_RUN_PIECES_H
#define TOOL_RUN_PIECES_H

#include "run/row.h"

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>

enum piece_kind {
    PIECE_TEXT,
    PIECE_NUMBER,
    PIECE_SLOT,
    PIECE_TOTAL,
    PIECE_FIELD, /* of the item: `position`, or all where it is 0 */
};

/* What is made of a field. */
enum piece_change {
    CHANGE_NONE,
    CHANGE_NO_EXTENSION,
    CHANGE_NAME,
    CHANGE_FOLDER,
    CHANGE_NAME_NO_EXTENSION,
};

/* Where in a shell's text a piece stands: it decides how a variable is named there. */
enum piece_quoting {
    QUOTING_NONE,
    QUOTING_SINGLE,
    QUOTING_DOUBLE,
};

struct piece {
    enum piece_kind kind;
    struct ovl_bytes text; /* as it was written */
    int position;          /* 1 the first, -1 the last */
    enum piece_change change;
    enum piece_quoting quoting;
};

struct pieces {
    struct piece *list;
    size_t count;
};

/*
 * Cuts a word into pieces, which point into it. `replace` stands for {}; {name} for the field of
 * this name in `names`, where that is not NULL. 0 or -ENOMEM.
 */
int pieces_cut(const char *word, const char *replace, const struct row *names,
               struct pieces *ret_pieces);
void pieces_release(struct pieces *pieces);

/* Whether there is a piece of this kind, or of one that stands behind it in the list of kinds. */
bool pieces_have(const struct pieces *pieces, enum piece_kind least);

/* A change of a field; the result is a part of it, or a constant. */
struct ovl_bytes piece_apply(enum piece_change change, struct ovl_bytes field);

#endif
