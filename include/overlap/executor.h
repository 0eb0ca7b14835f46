/*
 * Executors: a model of concurrency, open, with its workers.
 *
 * The same in every model: results by value, an error per task, a bounded queue, a session per
 * worker, tasks that submit tasks without deadlock, and a close that drains.
 */
#ifndef OVERLAP_EXECUTOR_H
#define OVERLAP_EXECUTOR_H

#include <overlap/bytes.h>
#include <overlap/export.h>
#include <overlap/model.h>
#include <overlap/task.h>
#include <overlap/time.h>
#include <overlap/watchdog.h>
#include <stdbool.h>
#include <stddef.h>

OVL_BEGIN_DECLS

struct ovl_executor;
struct ovl_future;
struct ovl_ledger;

/*
 * Makes what a worker's tasks share: called in the worker, before its first task. *ret_session is
 * NULL when it is called, and may stay so.
 *
 * Returns 0, or an error: the task for which it was opened then fails with OVL_ESESSION, and the
 * next task tries again.
 */
typedef int ovl_session_open_fn(void *context, void **ret_session);

/* Ends what session_open made: called in the worker, after its last task. */
typedef void ovl_session_close_fn(void *context, void *session);

/* How an executor is opened. All zero is a good choice: designate what differs. */
struct ovl_options {
    unsigned workers;   /* how many tasks run at once; 0: ovl_model_default_workers() */
    size_t queue_limit; /* tasks submitted and not begun, at most; 0: 1,024. sync has no queue */
    ovl_session_open_fn *session_open;
    ovl_session_close_fn *session_close;
    void *session_context;     /* for both; under processes they see it as it was at open */
    struct ovl_ledger *ledger; /* where to record what the tasks did; NULL: nowhere */
    size_t stack_bytes;        /* of threads (0: the system's) and of coroutines (0: 256 KiB) */
    unsigned limit;            /* how many of the workers take tasks to begin with, to be changed by
                                  ovl_executor_set_workers; 0: all */
    size_t worker_tasks;       /* processes: tasks after which a worker is replaced; 0: never */
    size_t worker_memory;      /* processes: bytes that a worker may take beyond what it begins with
                                  (0: as many as it gets). A task that takes more fails with
                                  OVL_EMEMORY, and its worker is replaced; it is looked at every 10 ms,
                                  and after each task */
    ovl_time stall_ns; /* async: how long a task may keep its loop from running others before that
                          is counted in the ledger; 0: OVL_STALL_NS; OVL_FOREVER: nobody looks */
    ovl_stall_fn *stalled; /* is told of it: see overlap/watchdog.h; NULL: it is only counted */
    void *stall_context;
    bool isolated;  /* auto: a task that crashes is to fail alone: processes */
    unsigned loops; /* async: event loops, each in a thread of its own, among which the workers are
                       shared out; a task stays in the loop that it begins in, and tasks of
                       different loops run at the same time. 0: one; more than workers: as many */
    bool waits_are_free; /* threads: the limit counts the tasks that run. While one waits, in a
                            hooked call or for a future, another may begin: with as many workers as
                            may ever wait, and the limit at the number of processors, tasks that
                            block starve no others */
    bool pinned;      /* threads, processes: each worker stays on a processor of its own, of those
                         that the opener may use, in turn */
    const char *name; /* threads, processes: what the system calls the workers, a hyphen and their
                         number behind it; the first OVL_NAME_BYTES count; NULL: ovl */
};

#define OVL_NAME_BYTES 10

/*
 * More workers than this are refused with -EINVAL: threads and processes, and coroutines. sync has
 * one whatever it is asked for.
 */
#define OVL_WORKERS_MAX    4096
#define OVL_COROUTINES_MAX 1000000

/* More loops than this are refused with -EINVAL. */
#define OVL_LOOPS_MAX 1024

/*
 * Opens a model.
 *
 * Under `threads`, as many workers as the machine will give are opened where it refuses the rest,
 * and one is enough; ovl_executor_workers tells how many.
 *
 * Ownership: ovl_executor_close ends it. Options are copied; the ledger and the session context
 * must outlive the executor. On failure *ret_executor is untouched. Threads: any. Errors:
 * OVL_EMODEL, -EINVAL (too many workers or loops), -ENOMEM, -EAGAIN (no thread or process to be
 * had), -EMFILE and -ENFILE; under `cluster` OVL_EPLUGIN, OVL_EALONE (ovl_cluster_problem tells
 * more), and -EBUSY (one is open already).
 */
OVL_EXPORT int ovl_executor_open(enum ovl_model model, const struct ovl_options *options,
                                 struct ovl_executor **ret_executor);

/* The model. Threads: any. Errors: none. */
OVL_EXPORT enum ovl_model ovl_executor_model(const struct ovl_executor *executor);

/* How many workers it has, whatever their limit. Threads: any. Errors: none. */
OVL_EXPORT unsigned ovl_executor_workers(const struct ovl_executor *executor);

/*
 * Has at most `workers` of the executor's workers take tasks from now on; 0, or more than there
 * are: all of them. When it is raised, what is queued begins at once. When it is lowered, what runs
 * goes on, and no task begins until fewer than `workers` run. A task that runs inside of another's
 * wait does not count. sync has one worker, whatever it is told.
 *
 * Open an executor with as many workers as may ever be of use, and with options.limit where fewer
 * are to begin; struct ovl_tuner (overlap/tuner.h) finds how many are.
 *
 * Threads: any, tasks of the executor too. Errors: none.
 */
OVL_EXPORT void ovl_executor_set_workers(struct ovl_executor *executor, unsigned workers);

/* How many of the workers take tasks now. Threads: any. Errors: none. */
OVL_EXPORT unsigned ovl_executor_limit(const struct ovl_executor *executor);

/* What ovl_submit_with may be told beyond the task itself. All zero: as ovl_submit does. */
struct ovl_submit_options {
    bool nowait;          /* a full queue is OVL_EFULL at once */
    ovl_time wait_ns;     /* how long to wait for room in the queue; 0: as long as it takes */
    ovl_time deadline;    /* when the task is asked to end, as if cancelled; absolute; 0: never */
    unsigned repetitions; /* how often it may run again after its worker died: the task is safe to
                             repeat; 0: never */
};

/*
 * Queues fn(item) to run once on one of the executor's workers.
 *
 * Waits while the queue is full. Called in one of the executor's own tasks it never waits: where
 * the queue is full the task runs at once, inside of the call. Under `sync` it always does.
 *
 * Ownership: `item` is copied. On success *ret_future holds one reference, for ovl_future_free;
 * with ret_future NULL nobody awaits the task, and its outcome is only counted. On failure
 * *ret_future is untouched and fn never runs. Threads: any. Writes before the call are visible to
 * fn (under `processes`: those of before the open, and the item); fn's writes are visible after
 * ovl_future_wait returns 0 (under `processes`: the result's). Errors: -ENOMEM, OVL_ECLOSED; with
 * options OVL_EFULL, OVL_ETIMEDOUT. Source: the contract of PEP 3148's Executor.submit.
 */
OVL_EXPORT int ovl_submit(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
                          struct ovl_future **ret_future);

/* As ovl_submit, with options; NULL is all zero. Threads, errors: as there. */
OVL_EXPORT int ovl_submit_with(struct ovl_executor *executor, ovl_task_fn *fn,
                               struct ovl_bytes item, const struct ovl_submit_options *options,
                               struct ovl_future **ret_future);

/*
 * Cancels every task: the queued ones never begin, the running ones are asked to end (under
 * `async` what they wait for fails with ECANCELED; under `processes` whoever runs one is ended and
 * replaced). Tasks submitted later run as usual.
 *
 * Threads: any; not from a signal handler. Errors: none.
 */
OVL_EXPORT void ovl_executor_cancel(struct ovl_executor *executor);

/* What became of all tasks of an executor so far: they add up, submitted = done + ... + running. */
struct ovl_counts {
    size_t submitted;
    size_t done;      /* ended with 0 */
    size_t failed;    /* ended with an error, cancelled while running ones included */
    size_t cancelled; /* ended before they began: cancelled, or their deadline had passed */
    size_t queued;    /* not yet begun */
    size_t running;
};

/* Reads the counts, all at one moment. Threads: any. Errors: none. */
OVL_EXPORT void ovl_executor_counts(struct ovl_executor *executor, struct ovl_counts *ret_counts);

/*
 * Ends an executor: takes no more tasks but those that its own tasks submit, waits until all that
 * were submitted have ended, closes the sessions and ends the workers. When `deadline` passes
 * first, it cancels what is left as ovl_executor_cancel does, and gives the tasks 0.2 s to notice:
 * under `threads` and `async` one that does not keeps its worker, which ends by itself when the
 * task does.
 *
 * Futures stay valid until freed. NULL is allowed.
 *
 * In a child of fork an executor that was open (not `sync`) has no workers: it takes nothing
 * (OVL_ECLOSED), tasks that had not ended fail with OVL_ECLOSED, and this call returns at once.
 *
 * Threads: any but the executor's own workers; nothing else may use the executor meanwhile.
 * Errors: OVL_ETIMEDOUT: the deadline passed and tasks were cancelled.
 */
OVL_EXPORT int ovl_executor_close(struct ovl_executor *executor, ovl_time deadline);

OVL_END_DECLS

#endif
