/*
 * Adds up what threads did: to the tree of calls, the lines, the timeline, and the sums.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_ACCOUNT_H
#define TOOL_ADVISE_ACCOUNT_H

#include "advise/observation.h"

/* How a wait is drawn. */
enum timeline_kind account_timeline_kind(enum record_kind kind);

/* What told where a thread is: the wait that it begins, or a look at it from outside. */
enum account_look {
    ACCOUNT_WAIT,
    ACCOUNT_SAMPLE,
    ACCOUNT_SAMPLE_FREE, /* without the GIL */
};

/* It computed for cpu_ns since it was seen last, and is at `levels`. */
void account_computed(struct observation *observed, struct process *process,
                      struct watched_thread *thread, const struct tree_level *levels, size_t count,
                      ovl_time now_ns, ovl_time cpu_ns, enum account_look look);

/* The same for the lines of a program that is not Python's: its stacks are sampled, and not seen at
 * every call. */
void account_line(struct observation *observed, struct process *process,
                  struct watched_thread *thread, const struct tree_level *levels, size_t count,
                  ovl_time now_ns, ovl_time cpu_ns);

/*
 * Of the cpu_ns that a thread of Python's was seen to compute, what the system computed in the call
 * that waited, where that is a file's: no look finds it, and it is the waiting line's own.
 */
ovl_time account_busy(const struct process *process, const struct record_wait *wait,
                      ovl_time cpu_ns);

/* It waited, at `levels`, and computed for busy_ns in that call. */
void account_waited(struct observation *observed, struct process *process,
                    struct watched_thread *thread, const struct tree_level *levels, size_t count,
                    const struct record_wait *wait, ovl_time busy_ns);

/*
 * What the main thread computed before it was seen for the first time is the program's start: the
 * stack that it is in then had no part in that. On a machine that is busy with other things the
 * first look comes late, and the start would be the first task's.
 */
bool account_is_start(const struct process *process, const struct watched_thread *thread);

/* What was seen of a thread from outside, since it was looked at last. */
struct account_sample {
    const struct tree_level *levels;
    size_t count;
    ovl_time now_ns;
    ovl_time cpu_ns;
    ovl_time wait_ns;
    enum record_kind kind; /* of the wait */
    bool free_of_gil;
    bool native; /* a thread without Python */
};

/* Adds it. */
void account_sample(struct observation *observed, struct process *process,
                    struct watched_thread *thread, const struct account_sample *sample);

#endif
