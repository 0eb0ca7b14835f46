/*
 * Ranks: jobs on the machines of a cluster. The first rank reads the items, and takes what becomes
 * of the jobs; each of the others (rank.h) runs one job at a time.
 */
#ifndef TOOL_RUN_RANKS_H
#define TOOL_RUN_RANKS_H

#include "run/rank.h"

#include <overlap/future.h>

/*
 * What is wrong with the command line is wrong on every rank, and is told by the first alone. From
 * ranks_hush on, another one says nothing, if it returned true; ranks_speak ends that, given what
 * parsing returned: after wrong usage it waits for the first one to end the whole, so that this is
 * not cut off. Signals that end programs are blocked.
 */
bool ranks_hush(char *const *arguments);
void ranks_speak(int code);

/*
 * Which rank this is, from 0, and how many run jobs. Returns 0, or -1 once it has said why there is
 * no cluster.
 */
int ranks_join(unsigned *ret_rank, unsigned *ret_workers);

/* --- the first rank --- */

struct ranks;

struct ranks_options {
    struct job_shared *shared;
    size_t most;            /* jobs at once, at most */
    bool limited;           /* machines are: each attempt waits for one that has enough left */
    struct ovl_bytes names; /* what a header calls the fields; valid as long as the ranks */

    /* Told where output as it comes cannot be written any more. Threads: any. */
    void (*stuck)(void *context);
    void *context;
};

/* NULL: no memory. */
struct ranks *ranks_new(const struct ranks_options *options);
void ranks_free(struct ranks *ranks);

/*
 * The item of the next job, for rank_task; *ret_item is valid until the next one is given. The row
 * is kept until the job is taken. -ENOMEM.
 */
int ranks_give(struct ranks *ranks, struct ovl_bytes row, struct ovl_bytes *ret_item);

/* The same of a job that its machine had too little left for, or that is to be tried again. 1; 0:
 * there is none. */
int ranks_give_again(struct ranks *ranks, struct ovl_bytes *ret_item);

/* Such a job, where none is given any more; NULL: there is none. */
struct job *ranks_held(struct ranks *ranks);

/* How long it is until the next one may be given; 0: it may be now. */
ovl_time ranks_wait(const struct ranks *ranks);

/*
 * Of the item that was given as number `index`, from 0. Returns 1 and its job: what became of it,
 * be it that it was lost on the way (NULL: no memory). 0: the job is to be given again.
 */
int ranks_take(struct ranks *ranks, size_t index, const struct ovl_outcome *outcome,
               struct ovl_bytes result, struct job **ret_job);

/* What ranks say, an ovl_cluster_heard_fn whose context is the ranks. */
void ranks_hear(void *ranks, struct ovl_bytes words);

#endif
