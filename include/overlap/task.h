/*
 * Tasks: one plain, blocking function, called on one item, the same under every model.
 *
 *     static int square(struct ovl_task *task, struct ovl_bytes item)
 *     {
 *         const int *number = item.data;
 *         int *result = ovl_task_result(task, sizeof *result);
 *         if (!result)
 *             return -ENOMEM;
 *         *result = *number * *number;
 *         return 0;
 *     }
 *
 * Under `async` the function runs in a coroutine: calls of libc that would block give way to other
 * tasks instead, in libraries too. Under `processes` it runs in another process: what it writes to
 * memory other than its result is lost to the caller.
 */
#ifndef OVERLAP_TASK_H
#define OVERLAP_TASK_H

#include <overlap/bytes.h>
#include <overlap/export.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

OVL_BEGIN_DECLS

struct ovl_executor;

/* One call of a task function: valid in that call, and only in the worker that makes it. */
struct ovl_task;

/*
 * What a task does. `item` is valid until the function returns, and aligned as malloc aligns.
 *
 * Returns 0, or an error that becomes the task's outcome: -errno, or a code of the task's own
 * (any number that is not one of overlap/error.h).
 */
typedef int ovl_task_fn(struct ovl_task *task, struct ovl_bytes item);

/*
 * Room for a result of `size` bytes, to be filled in place; it becomes the task's result when the
 * task function returns 0. Called again, it changes the size and keeps what was written, at an
 * address that may differ. The bytes that are new are not initialised.
 *
 * Ownership: the task's. NULL where memory ran out, with any former result kept.
 * Threads: the task's own.
 */
OVL_EXPORT void *ovl_task_result(struct ovl_task *task, size_t size);

/*
 * Makes a copy of `size` bytes at `data` the task's result, in place of any former one.
 *
 * Threads: the task's own. Errors: -ENOMEM, with any former result kept.
 */
OVL_EXPORT int ovl_task_return(struct ovl_task *task, const void *data, size_t size);

/*
 * Appends a copy of `size` bytes at `data` to the task's result, as a writer of unknown length
 * needs it. The cost of growing is spread: n appends copy a multiple of the bytes, not their
 * square.
 *
 * Threads: the task's own. Errors: -ENOMEM, with the former result kept.
 */
OVL_EXPORT int ovl_task_append(struct ovl_task *task, const void *data, size_t size);

/*
 * What the worker's session_open made (struct ovl_options); NULL where none was given. No other
 * task uses it until this one has returned: a task that runs inside of another's wait gets a
 * session of its own.
 *
 * Ownership: the worker's. Threads: the task's own.
 */
OVL_EXPORT void *ovl_task_session(const struct ovl_task *task);

/*
 * The number of the worker that runs the task, from 0. Never two tasks at a time have one number,
 * other than a task and those that run inside of its waits.
 *
 * Threads: the task's own. Errors: none.
 */
OVL_EXPORT unsigned ovl_task_worker(const struct ovl_task *task);

/*
 * The executor that runs the task, for submitting further tasks. Under `processes` these run in the
 * same worker process, each at once, before the submit returns.
 *
 * Ownership: valid until the task returns. Threads: the task's own.
 */
OVL_EXPORT struct ovl_executor *ovl_task_executor(const struct ovl_task *task);

/*
 * Whether the task was asked to end: it was cancelled, or its deadline has passed. A task that
 * computes for long looks now and then and returns any error; its outcome then is OVL_ECANCELED or
 * OVL_ETIMEDOUT. (One that returns 0 all the same has its result kept.)
 *
 * Threads: the task's own. Errors: none.
 */
OVL_EXPORT bool ovl_task_cancelled(const struct ovl_task *task);

OVL_END_DECLS

#endif
