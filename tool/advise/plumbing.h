/*
 * What Python's processes cost beside their tasks: starting them, and handing over items and
 * results.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_PLUMBING_H
#define TOOL_ADVISE_PLUMBING_H

#include "advise/tree.h"

enum plumbing_kind {
    PLUMBING_NONE, /* the program's own work, in no worker */
    PLUMBING_TASK, /* the program's own work, in a worker */
    PLUMBING_START,
    PLUMBING_HANDOVER,
    PLUMBING_KIND_COUNT,
};

/* What a thread of a program in Python does at this stack, outermost first. */
enum plumbing_kind plumbing_of(const struct tree *tree, const struct tree_level *levels,
                               size_t count);

/* Summed over processes. What was computed between two waits without a look meanwhile is in
 * `unseen`, until it is settled. */
struct plumbing {
    ovl_time task_ns;     /* computed and waited in tasks */
    ovl_time start_ns;    /* computed */
    ovl_time handover_ns; /* computed */
    /* By the kind of the wait that ended it. */
    struct unseen unseen[PLUMBING_KIND_COUNT];
    /* Looks from outside that found a worker in the one or the other. */
    uint64_t task_looks;
    uint64_t handover_looks;
    uint64_t reads; /* of the workers, and what they got */
    uint64_t read_bytes;
    unsigned workers;  /* processes that did tasks, or could have */
    ovl_time lives_ns; /* of these, from start to end */
};

void plumbing_add(struct plumbing *plumbing, enum plumbing_kind kind, ovl_time time_ns);

/* Adds what was not seen to where looks found what was computed before other such waits. */
void plumbing_settle(struct plumbing *plumbing);

#endif
