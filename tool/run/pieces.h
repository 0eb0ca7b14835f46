/* The pieces of a word: text as it is, and replacement strings. For template.c alone. */
#ifndef TOOL_RUN_PIECES_H
#define TOOL_RUN_PIECES_H

#include "run/change.h"
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
    struct change change;
    enum piece_quoting quoting;
};

struct pieces {
    struct piece *list;
    size_t count;
};

struct pieces_options {
    const char *replace;     /* what stands for {} */
    const struct row *names; /* {name} is the field of this name; NULL: they have none */
    bool plus;               /* as change_read has it */
};

/* Cuts a word into pieces, which point into it. 0 or -ENOMEM. */
int pieces_cut(const char *word, const struct pieces_options *options, struct pieces *ret_pieces);
void pieces_release(struct pieces *pieces);

/* Whether there is a piece of this kind, or of one that stands behind it in the list of kinds. */
bool pieces_have(const struct pieces *pieces, enum piece_kind least);

#endif
