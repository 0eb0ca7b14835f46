/*
 * The guard: a process that ends the jobs where overlap itself is ended without a chance to do so.
 *
 * Each job runs in a process group of its own, and a table that overlap, the job before its exec,
 * and the guard share says which groups there are. The guard waits on a pipe whose other end
 * overlap has, and each job until its exec: where nobody has it any more, all groups that are in
 * the table are killed. Its own session keeps signals of the terminal away from it.
 */
#ifndef TOOL_RUN_GUARD_H
#define TOOL_RUN_GUARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

struct guard;

/* A place for a job: jobs that run at once have different ones. */
struct guard_slot {
    _Atomic(pid_t) group;  /* the job's; 0: none */
    atomic_int exec_error; /* why its command could not be begun; 0: it was */
};

/*
 * For at most `slots` jobs at once. To be called while there is one thread.
 *
 * *ret_guard is untouched on failure. Errors: -errno: no memory, no process.
 */
int guard_open(size_t slots, struct guard **ret_guard);

/* Ends the guard. No job may run. NULL is allowed. */
void guard_close(struct guard *guard);

/* Takes the free slot with the lowest number; NULL: all are taken. Threads: any. */
struct guard_slot *guard_take(struct guard *guard);

/* Gives it back, once the job's process was waited for. Threads: any. */
void guard_give(struct guard *guard, struct guard_slot *slot);

/* A slot's number, from 0. */
size_t guard_number(const struct guard *guard, const struct guard_slot *slot);

/* Sends a signal to every job's process group. Returns how many there are. Threads: any. */
size_t guard_signal(struct guard *guard, int number);

/* The groups of the jobs that run, `most` at most. Returns how many. Threads: any. */
size_t guard_groups(struct guard *guard, pid_t *ret_groups, size_t most);

/*
 * Forgets a job whose process has ended, before it is waited for: from then on its number may be
 * another process's.
 */
void guard_forget(struct guard *guard, struct guard_slot *slot);

#endif
