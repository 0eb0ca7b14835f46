/* Futures: a task's result to come. */
#ifndef OVERLAP_FUTURE_H
#define OVERLAP_FUTURE_H

#include <overlap/bytes.h>
#include <overlap/export.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

OVL_BEGIN_DECLS

struct ovl_future;

/* The worker's number of a task that never began. */
#define OVL_NO_WORKER ((unsigned)-1)

/* How a task ended. */
struct ovl_outcome {
    int error;         /* 0; the task's own code; or what kept it from ending (overlap/error.h) */
    int detail;        /* OVL_ESIGNALED: the signal; OVL_EEXITED: the exit code; OVL_ESESSION: the
                          error of session_open; else 0 */
    unsigned worker;   /* who ran it, or OVL_NO_WORKER */
    unsigned attempts; /* how often it was begun */
};

/*
 * Waits until the task has ended, or until `deadline`. Where the task has not begun and the caller
 * is itself a task of the executor, it runs inside of the call, so that tasks that wait for their
 * own tasks never deadlock.
 *
 * Returns 0 once the task has ended, whatever its outcome.
 *
 * Threads: any; in a coroutine, other coroutines run meanwhile. Errors: OVL_ETIMEDOUT;
 * OVL_ECANCELED: the coroutine that waits was called off. Either way the task goes on.
 */
OVL_EXPORT int ovl_future_wait(struct ovl_future *future, ovl_time deadline);

/* Whether the task has ended. Threads: any. Errors: none. */
OVL_EXPORT bool ovl_future_done(const struct ovl_future *future);

/*
 * Waits as long as it takes, and gives the task's result: for a task that failed, no bytes.
 *
 * Returns the outcome's error: 0, the task's own code, or one of overlap/error.h.
 *
 * Ownership: *ret_result, where it is not NULL, belongs to the future and lives as long. Its data
 * is aligned as malloc aligns. Threads: any.
 */
OVL_EXPORT int ovl_future_result(struct ovl_future *future, struct ovl_bytes *ret_result);

/* Waits as long as it takes, and tells how the task ended. Threads: any. Errors: none. */
OVL_EXPORT struct ovl_outcome ovl_future_outcome(struct ovl_future *future);

/*
 * Cancels the task: one that has not begun never will, one that runs is asked to end
 * (ovl_task_cancelled; under `async` what it waits for fails with ECANCELED, under `processes` its
 * worker is ended and replaced), one that has ended is left as it is. The future is done when
 * ovl_future_wait says so, not before.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT void ovl_future_cancel(struct ovl_future *future);

/* Gives up the caller's reference; the task goes on. NULL is allowed. Threads: any. */
OVL_EXPORT void ovl_future_free(struct ovl_future *future);

/*
 * Writes an outcome in words into `buffer`, as snprintf does: "worker 3: ended by signal 11
 * (SIGSEGV)"; of one that was begun, and names no worker, the words alone.
 *
 * Returns the length that the whole text has. Threads: any. Errors: none.
 */
OVL_EXPORT size_t ovl_outcome_text(const struct ovl_outcome *outcome, char *buffer, size_t size);

OVL_END_DECLS

#endif
