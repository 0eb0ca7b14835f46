/*
 * A rank: runs the jobs that the first rank of a cluster gives it (ranks.h), one at a time, with a
 * guard and a spool of its own. What both know is here.
 */
#ifndef TOOL_RUN_RANK_H
#define TOOL_RUN_RANK_H

#include "run/setup.h"

#include <overlap/task.h>

/* An item: this, then what fields are called, then the row. */
struct rank_order {
    uint64_t index; /* of the job */
    ovl_time median_ns;
    long long total;
    uint64_t names_size;
    uint64_t attempts; /* that it has had */
    uint64_t alone;    /* 1: no other job runs; it is begun however little the machine has left */
};

/* What a rank says while a job is there: this, then bytes. */
struct rank_word {
    uint64_t index;    /* of the job */
    uint32_t stream;   /* whose bytes they are, and none where it ends; or RANK_BEGUN */
    uint32_t attempts; /* in which attempt it was written */
};

/* Its machine has enough left: the job begins. */
#define RANK_BEGUN JOB_STREAMS

/* The task's error where its machine has too little left: the job is to be given again. */
#define RANK_HELD 1

/*
 * Runs the jobs that it is given until the first rank exits, and exits. Returns the exit code once
 * it has said why it cannot: mpirun then ends all.
 */
int rank_serve(struct setup *setup, const struct choices *choices);

/* The task. The session is the rank's own struct setup. */
int rank_task(struct ovl_task *task, struct ovl_bytes item);

#endif
