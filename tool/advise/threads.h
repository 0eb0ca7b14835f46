/*
 * What each thread of a program did: of those that ended too, and of those of its children. The
 * busiest are kept.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_THREADS_H
#define TOOL_ADVISE_THREADS_H

#include "advise/agent/record.h"

#include <overlap/time.h>
#include <stddef.h>
#include <stdint.h>

#define THREADS_KEPT 64

/* All in nanoseconds. What is in none of them, the thread was ready and had no processor. */
struct thread_time {
    int process;
    int thread;       /* the kernel's number */
    char program[32]; /* that the process runs; "": not known */
    ovl_time wall_ns;
    ovl_time cpu_ns;
    ovl_time wait_ns[RECORD_KIND_COUNT];
    ovl_time idle_ns; /* it waited for others' work */
};

struct thread_times {
    struct thread_time kept[THREADS_KEPT]; /* the busiest first */
    size_t count;
    uint64_t left_out; /* that were less busy */
};

/* Computed and waited. */
ovl_time thread_time_busy(const struct thread_time *time);

void thread_times_add(struct thread_times *times, const struct thread_time *time);

#endif
