/*
 * OVL_AUTO: the model is found while the work is done.
 *
 * Its workers are coroutines of one loop for each processor, and threads, which take tasks from one
 * queue. It begins with coroutines: where tasks wait in calls that the hooks see, they overlap at
 * once; where they compute, there is one at a time on each processor. Where tasks wait unseen, so
 * that loops are held up, threads take over, as many as pay. Where tasks are so short that handing
 * them over costs more than it gains, a map runs them in the thread that called it. No task is
 * moved once it has begun, and none is begun twice. Coroutines and threads are workers with
 * sessions of their own: where it goes from the one to the other there may be more sessions than
 * tasks at once.
 *
 * With options.isolated it opens `processes` (which ovl_executor_model then says), of whose workers
 * as many take tasks as pay: one a processor at first. How many these were is a decision, too.
 */
#ifndef OVERLAP_AUTO_H
#define OVERLAP_AUTO_H

#include <overlap/executor.h>
#include <overlap/export.h>
#include <overlap/model.h>
#include <overlap/time.h>
#include <stddef.h>

OVL_BEGIN_DECLS

/* What an executor of OVL_AUTO has decided: from then on tasks begin in this way. */
struct ovl_decision {
    ovl_time time;        /* of ovl_now() */
    enum ovl_model model; /* what it comes down to; async may be several loops */
    unsigned workers;     /* how many of these at once, at most */
    size_t tasks;         /* how many had ended by then */
    double gain;          /* how many times as fast as sync, by the predictor; 0: not asked */
    char reason[160];     /* "the tasks compute for 98% of their time: one on each processor" */
};

/* So many decisions are kept, the latest. */
#define OVL_DECISIONS 64

/*
 * How many decisions there were: 0 for an executor that was opened under another model. The first
 * is how it began.
 *
 * Threads: any, until the executor is closed. Errors: none.
 */
OVL_EXPORT size_t ovl_auto_decision_count(struct ovl_executor *executor);

/*
 * Reads the n-th decision, from 0.
 *
 * Threads: any, until the executor is closed. Errors: -ERANGE: there is no such decision, or it is
 * too long ago; *ret_decision is untouched.
 */
OVL_EXPORT int ovl_auto_decision(struct ovl_executor *executor, size_t n,
                                 struct ovl_decision *ret_decision);

OVL_END_DECLS

#endif
