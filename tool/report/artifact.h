/*
 * A file that the command makes beside its output: a report, a trace. It is opened before the work
 * begins, so that what cannot be written is told then; it appears under its name whole, or not at
 * all.
 */
#ifndef TOOL_REPORT_ARTIFACT_H
#define TOOL_REPORT_ARTIFACT_H

#include <stdio.h>
#include <sys/types.h>

struct artifact {
    const char *option; /* "--report": for messages; a constant string */
    const char *path;   /* the caller's, kept; NULL: none was asked for */
    char *temporary;    /* the name under which it is written; NULL: under `path` itself */
    mode_t mode;        /* what it gets with its name; until then it is for its owner alone */
    FILE *stream;
};

/*
 * Opens the file; nothing where path is NULL. A regular file that exists is replaced at the end,
 * what else exists (a pipe, a terminal) is written to directly.
 *
 * Returns 0, or -1 once it has said what is wrong, and what to do.
 */
int artifact_open(struct artifact *artifact, const char *option, const char *path);

/* Finishes it. Returns 0, also where none was asked for, or -1 once it has said what is wrong. */
int artifact_commit(struct artifact *artifact);

/* Gives it up: no file remains. */
void artifact_discard(struct artifact *artifact);

#endif
