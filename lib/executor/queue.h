/*
 * The core of the models whose workers are few or far apart: one queue, and one lock, which is held
 * by the caller of all that follows here unless it is said to be otherwise.
 */
#ifndef OVL_EXECUTOR_QUEUE_H
#define OVL_EXECUTOR_QUEUE_H

#include "executor/executor.h"

/*
 * Takes the oldest queued task to run it, RUNNING from here on, or NULL: there is none, or as many
 * run as may. Tasks whose deadline has passed are finished on the way.
 */
struct ovl_future *ovl__executor_take(struct ovl_executor *executor);

/* Whether there is a task to take, and the limit allows it. */
bool ovl__executor_may_take(const struct ovl_executor *executor);

/* Whether the limit allows one more to run. */
bool ovl__executor_has_room(const struct ovl_executor *executor);

/* Takes this task to run it on a worker of its own: try_take, and it counts towards the limit. */
bool ovl__future_take(struct ovl_future *future);

/*
 * Takes this task to run it inside of another's wait or submit, if it is still queued; false where
 * it is not, or where its deadline has passed and it was finished.
 */
bool ovl__future_try_take(struct ovl_future *future);

/* Ends a RUNNING future with the outcome in it: counts, records, wakes who waits. */
void ovl__future_finish(struct ovl_future *future);

/*
 * A future of in_place.h, RUNNING from its init on: it was submitted and taken, in one; and its
 * task has ended.
 */
void ovl__future_begin_in_place(struct ovl_future *future);
void ovl__future_end_in_place(struct ovl_future *future);

/* Ends a QUEUED future that will not begin. */
void ovl__future_refuse(struct ovl_future *future, int error);

/* Puts a RUNNING task back at the head of the queue: its worker died, and it may be repeated. */
void ovl__future_requeue(struct ovl_future *future);

/* Fails all that is queued: the model cannot run anything any more. */
void ovl__executor_refuse_all(struct ovl_executor *executor, int error);

#endif
