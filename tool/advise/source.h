/* The program's source, as far as it can be read: only to say more about it. */
#ifndef TOOL_ADVISE_SOURCE_H
#define TOOL_ADVISE_SOURCE_H

#include "advise/tree.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads a line, without its end and the blanks at its start. Returns whether there is one. */
bool source_line(const char *file, int line, char *text, size_t size);

/* The same, with the blanks at its start. */
bool source_line_whole(const char *file, int line, char *text, size_t size);

/* Whether the loop at this line reads on from where it stopped: its turns depend on each other. */
bool source_is_stream(const struct place *loop);

/* What a function or the body of a loop does that speaks against doing several at once. */
struct source_cautions {
    char global[64]; /* a name outside of it that it changes; "": none was seen */
    bool chained;    /* each call is given what the one before gave back */
};

void source_cautions(const struct place *function, const struct place *call,
                     struct source_cautions *ret);

/* Whether a text has one of these names, which may stand in any text, as a value. */
bool source_has_names(const char *text, const char *names);

/* How a line calls a function. */
struct source_call {
    int line;            /* 0: none is found */
    char on[64];         /* what it is called on, with the point ("self."); or "" */
    char arguments[128]; /* as they are written */
    bool whole;          /* all of them are: they end on the line, and are no longer than that */
};

/* The first line from a place on that calls the function. */
struct source_call source_call(const struct place *from, const char *function);

/* Whether a line of the function is in a loop that accepts a connection before it in each turn. */
bool source_accepts(const struct place *function, int line);

/* Whether the line begins a `while`. */
bool source_is_while(const char *file, int line);

/* The line of the innermost loop of C or Python that stands around a line, by how far they are
 * indented; from `first` on, the function's. 0: none, or there is no source. */
int source_loop(const char *file, int first, int line);

/* The same for the loop around a loop, which begins at `line`. */
int source_outer_loop(const char *file, int first, int line);

#endif
