/*
 * Ranks: jobs on the machines of a cluster. The first rank reads the items, and takes what becomes
 * of the jobs; each of the others runs one job at a time, with a guard and a spool of its own.
 */
#ifndef TOOL_RUN_RANKS_H
#define TOOL_RUN_RANKS_H

#include "run/setup.h"

#include <overlap/future.h>

/*
 * Which rank this is, from 0, and how many run jobs. Returns 0, or -1 once it has said why there is
 * no cluster.
 */
int ranks_join(unsigned *ret_rank, unsigned *ret_workers);

/* --- the first rank --- */

struct ranks;

/*
 * What is wrong with the command line is wrong on every rank, and is told by the first alone. From
 * ranks_hush on, another one says nothing, if it returned true; ranks_speak ends that, given what
 * parsing returned: after wrong usage it waits for the first one to end the whole, so that this is
 * not cut off. Signals that end programs are blocked.
 */
bool ranks_hush(char *const *arguments);
void ranks_speak(int code);

/* For so many jobs at once, at most. NULL: no memory. */
struct ranks *ranks_new(struct job_shared *shared, size_t most);
void ranks_free(struct ranks *ranks);

/* What a header calls the fields, as inputs_header gives it: valid as long as the ranks. */
void ranks_name(struct ranks *ranks, struct ovl_bytes names);

/*
 * The item of the next job, for ranks_task; *ret_item is valid until the next call. The row is kept
 * until the job is taken. -ENOMEM.
 */
int ranks_give(struct ranks *ranks, struct ovl_bytes row, struct ovl_bytes *ret_item);

/*
 * The job of the item that was given as number `index`, from 0: what became of it, be it that it
 * was lost on the way. NULL: no memory.
 */
struct job *ranks_take(struct ranks *ranks, size_t index, const struct ovl_outcome *outcome,
                       struct ovl_bytes result);

/* --- the others --- */

/*
 * Runs the jobs that it is given until the first rank exits, and exits. Returns the exit code once
 * it has said why it cannot: mpirun then ends all.
 */
int ranks_serve(struct setup *setup, const struct choices *choices);

/* The task. The session is the rank's own struct setup. */
int ranks_task(struct ovl_task *task, struct ovl_bytes item);

#endif
