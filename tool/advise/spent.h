/*
 * What was spent, of which kind: computing and waits, in sums of any size.
 *
 * Threads: any; it keeps nothing.
 */
#ifndef TOOL_ADVISE_SPENT_H
#define TOOL_ADVISE_SPENT_H

#include "advise/agent/record.h"

#include <overlap/time.h>
#include <stdint.h>

/* All in nanoseconds. */
struct spent {
    ovl_time cpu_ns;
    ovl_time free_ns;   /* of these, in C code that had let the GIL go */
    ovl_time child_ns;  /* of these, in children that were waited for */
    ovl_time unseen_ns; /* of these, between two waits with no look in between */
    ovl_time wait_ns[RECORD_KIND_COUNT];
    ovl_time sync_ns;     /* of the waits for the disk, those for what must be on it */
    ovl_time sync_cpu_ns; /* of the computing, what was done in these calls */
    uint64_t waits;       /* how many, of those that were long enough to be seen one by one */
};

void spent_add(struct spent *sum, const struct spent *more);

/* All of its waits. */
ovl_time spent_waits(const struct spent *spent);

/* In calls that make sure of a file, all together. */
ovl_time spent_syncs(const struct spent *spent);

/* Computing and waits. */
ovl_time spent_all(const struct spent *spent);

#endif
