/* Maps: one task function over many items. */
#ifndef OVERLAP_MAP_H
#define OVERLAP_MAP_H

#include <overlap/bytes.h>
#include <overlap/executor.h>
#include <overlap/export.h>
#include <overlap/future.h>
#include <overlap/task.h>
#include <overlap/time.h>
#include <stddef.h>

OVL_BEGIN_DECLS

/*
 * Calls fn on each of `count` items of `item_size` bytes at `items`, and puts the result of the
 * n-th at the n-th place of `results`, each of `result_size` bytes. Returns when all have ended.
 *
 * A task whose result has another size fails with OVL_ERESULTSIZE. The place of a task that failed
 * is filled with zeros. With result_size 0, `results` may be NULL, and results are dropped.
 *
 * Where `outcomes` is not NULL, it has room for `count`, and tells of each task how it ended.
 *
 * Returns 0 where every task ended with 0.
 *
 * Threads: any; in one of the executor's own tasks too. `items` and `results` are only touched by
 * the calling thread under `processes`, and items only read by workers elsewhere. Errors:
 * OVL_ETASKS: some tasks failed, the others' results are there. -ENOMEM, OVL_ECLOSED: the map ended
 * early; what had begun was waited for, what was not begun has the outcome OVL_ECANCELED. Source:
 * the contract of PEP 3148's Executor.map, with an error per task.
 */
OVL_EXPORT int ovl_map(struct ovl_executor *executor, ovl_task_fn *fn, const void *items,
                       size_t item_size, void *results, size_t result_size, size_t count,
                       struct ovl_outcome *outcomes);

/* What `next` of a stream returns where there is no item as yet. */
#define OVL_STREAM_LATER 2

/*
 * Gives the next item of a stream: points *ret_item at bytes that stay as they are until the next
 * call.
 *
 * Returns 1 with an item, 0 at the end, or a negative error, which ends the stream with it; or
 * OVL_STREAM_LATER: it is called again once a task has ended, or at the time that `later` tells.
 */
typedef int ovl_stream_next_fn(void *context, struct ovl_bytes *ret_item);

/*
 * Takes one task that ended: `index` counts the items from 0 in the order in which they were given;
 * `result` is valid until it returns, and empty where the task failed.
 *
 * Returns 0 to go on; any other number ends the stream with it, and cancels what is left, for which
 * it is not called again.
 */
typedef int ovl_stream_each_fn(void *context, size_t index, const struct ovl_outcome *outcome,
                               struct ovl_bytes result);

/* A map over items and results of any size, and of any number: memory stays bounded by `window`. */
struct ovl_stream {
    ovl_stream_next_fn *next;
    ovl_stream_each_fn *each; /* NULL: outcomes are only counted */
    void *context;            /* for both */
    bool prompt;              /* `next` never waits, as over an array: workers then hear of several
                                 tasks at once, and begin together */
    bool as_completed;        /* give results as tasks end; otherwise in the order of the items */
    size_t window; /* items taken and not yet given to `each`; 0: twice the workers, but at
                      least 64 */
    struct ovl_submit_options task; /* for each of the tasks */

    /* When to call `next` again after it returned OVL_STREAM_LATER, should no task end before:
       absolute; OVL_FOREVER, or no function: only when a task ends. Where none runs that could
       end, the stream ends with -EDEADLK. */
    ovl_time (*later)(void *context);

    /* How long a result may lie before it is given to `each`, so that several are given together
       and the caller is woken less often; workers that run out of tasks wake it at once. 0: it is
       woken for each. With as_completed. */
    ovl_time patience_ns;
};

/*
 * Calls fn on each item that `next` gives, and `each` on each task that ended. Both are called in
 * the caller's thread, one at a time.
 *
 * Returns 0 where every task ended with 0; OVL_ETASKS where some failed; otherwise what `next` or
 * `each` ended the stream with, or an error of ovl_submit. Whatever it returns, no task of it is
 * running any more.
 *
 * Threads: any; in one of the executor's own tasks too.
 * Errors: OVL_ETASKS, -ENOMEM, OVL_ECLOSED, -EDEADLK, and those of the callbacks.
 */
OVL_EXPORT int ovl_map_stream(struct ovl_executor *executor, ovl_task_fn *fn,
                              const struct ovl_stream *stream);

OVL_END_DECLS

#endif
