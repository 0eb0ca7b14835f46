/*
 * A task that the caller of a stream runs itself, before it asks for the next item: where tasks are
 * tiny, making a future of each, queueing it and waking whoever waits for it is most of the work.
 * One future serves all of them, one after the other.
 *
 * Threads: the caller's, but for what the executor's lock guards while a task runs.
 */
#ifndef OVL_EXECUTOR_IN_PLACE_H
#define OVL_EXECUTOR_IN_PLACE_H

#include "executor/executor.h"

struct ovl__in_place {
    struct ovl_future future;
    struct ovl__future_more more;
    struct ovl__buffer item; /* as tasks are promised theirs: aligned, and their own */
};

/* `options`: as ovl_submit_with's, for all the tasks. */
void ovl__in_place_init(struct ovl__in_place *place, struct ovl_executor *executor, ovl_task_fn *fn,
                        const struct ovl_submit_options *options);
void ovl__in_place_release(struct ovl__in_place *place);

/*
 * Runs the task here, if its model wants it so now: the future then tells how it ended, and has the
 * result, until the next one. False: it is to be submitted, as if this had not been asked.
 */
bool ovl__in_place_run(struct ovl__in_place *place, struct ovl_bytes item);

#endif
