/* Failed tasks: each is named, and what repeats itself is counted. */
#ifndef TOOL_COMPARE_FAILURES_H
#define TOOL_COMPARE_FAILURES_H

#include "compare/program.h"

/* How many items whose tasks failed in the same way are named one by one, under each model. */
#define FAILURES_NAMED 10

/* How many ways to fail are told apart. */
#define FAILURE_KINDS 16

/* Tasks that failed in one way. */
struct failure_kind {
    int error;
    int detail;
    size_t count;
    size_t named;
    size_t items[FAILURES_NAMED]; /* those that were named */
};

struct failures {
    const struct program *program;
    const char *model;
    size_t kinds;
    struct failure_kind kind[FAILURE_KINDS]; /* the last one is for all that have no place */
};

/* Counts one failed task, and names it on standard error, unless its item or many like it were. */
void failures_add(struct failures *failures, size_t index, const struct ovl_outcome *outcome);

/* Says how many more there were of each kind. */
void failures_finish(const struct failures *failures);

#endif
