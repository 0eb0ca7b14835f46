/*
 * Under way: what the jobs that run do just now, as the kernel tells it of their processes.
 */
#ifndef TOOL_RUN_UNDER_WAY_H
#define TOOL_RUN_UNDER_WAY_H

#include "run/guard.h"

#include <overlap/time.h>

struct under_way {
    size_t jobs;
    size_t wanting;  /* jobs of which a process computes, would, or waits for a disk */
    ovl_time cpu_ns; /* that their processes have had, those that were waited for among them */
};

/*
 * Looks at the processes of the guard's jobs, and at those that these have begun. Takes some 20 µs
 * a process. Threads: any.
 */
struct under_way under_way_look(struct guard *guard);

#endif
