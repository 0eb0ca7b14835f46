/*
 * What the models share: the queue, the futures' states, sessions, and running a task. A model adds
 * how its workers come to be, wait and end: it fills in struct ovl__model_ops, and nothing outside
 * its file knows how it works.
 *
 * One mutex per executor guards all that changes and is not said to be otherwise. It is held for
 * moments, never while a task runs, a session opens, or a coroutine gives way.
 */
#ifndef OVL_EXECUTOR_EXECUTOR_H
#define OVL_EXECUTOR_EXECUTOR_H

#include "base/list.h"
#include "base/memory.h"
#include "ledger/meter.h"
#include "loop/loop.h"
#include "loop/park.h"
#include "loop/scope.h"

#include <overlap/executor.h>
#include <overlap/future.h>
#include <overlap/task.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 *   QUEUED ──take──► RUNNING ──finish──► DONE
 *      └────────────cancel──────────────►┘
 * Under the executor's lock. DONE is stored with release, so that it may be read without the lock;
 * the outcome and the result never change after it.
 */
enum ovl__future_state { OVL__QUEUED, OVL__RUNNING, OVL__DONE };

/* Memory of a future's result that is somebody else's, and is given back when the future is freed.
 */
struct ovl__loan {
    void (*give_back)(struct ovl__loan *loan);
};

/*
 * What only some futures have: all but those of `threads` without a ledger, and those of streams.
 */
struct ovl__future_more {
    struct ovl_future *future;
    struct ovl__meter meter; /* its record is kept even where there is no ledger */
    unsigned repetitions;    /* left */
    struct ovl__loan *loan;  /* whose the result's memory is; NULL: the future's */
    /* Where the result's memory comes from: sets data and size; NULL: the heap. In the worker. */
    void *(*room)(struct ovl_future *future, size_t size);
    struct ovl__scope *scope;      /* while it runs in a coroutine: that coroutine's thread only */
    struct ovl__message interrupt; /* brings a cancel to that thread */
    bool interrupting;             /* it is on its way; under the lock */
    /* Called when it is done, with the lock held; may take `link`, which is then free. */
    void (*notify)(void *context, struct ovl_future *future);
    void *notify_context;
};

struct ovl_future {
    struct ovl__link link;  /* in the queue, or wherever the model keeps those that run */
    atomic_uint references; /* the executor's until it is done, the caller's */
    _Atomic enum ovl__future_state state;
    atomic_int cancel;             /* 0, or OVL_ECANCELED: asked to end */
    bool counted;                  /* among executor->active; under the lock */
    struct ovl_executor *executor; /* holds a reference of it */
    ovl_task_fn *fn;
    struct ovl_bytes item; /* behind the future */
    ovl_time deadline;     /* OVL_FOREVER: none */
    struct ovl__buffer result;
    struct ovl_outcome outcome;
    struct ovl__wait_list waiters;
    struct ovl__future_more *more; /* NULL: nothing of it is needed */
};

/* One worker. A model's own struct of a worker begins with it. */
struct ovl__worker {
    struct ovl_executor *executor;
    unsigned number;
    struct ovl__buffer sessions; /* open and not in use: of void *, the last one is taken first */
    size_t session_count;        /* open, in use or not */
};

/* One call of a task function, on the stack of the worker that makes it. */
struct ovl_task {
    struct ovl_future *future;
    struct ovl__worker *worker;
    void *session;
    struct ovl_task
        *outer; /* the task in whose wait this one runs, of whatever executor; or NULL */
};

/* A map over arrays: what ovl_map was given. */
struct ovl__map {
    ovl_task_fn *fn;
    const char *items;
    size_t item_size;
    char *results; /* all zero */
    size_t result_size;
    size_t count;
    struct ovl_outcome *outcomes; /* all OVL_ECANCELED, OVL_NO_WORKER; or NULL */
};

struct ovl__model_ops {
    enum ovl_model model;
    unsigned workers_max;

    /* Starts what the model needs; executor->workers may be lowered. */
    int (*open)(struct ovl_executor *executor);

    /* This task was queued: see that a worker takes it. The lock is held, and may be let go. */
    void (*queued)(struct ovl_executor *executor, struct ovl_future *future);

    /*
     * Several tasks were queued with not a word of each: see that workers take them. NULL where
     * each must be told of. The lock is held.
     */
    void (*queued_many)(struct ovl_executor *executor);

    /* A running task is asked to end; NULL where its flag is all there is. The lock is held. */
    void (*cancel_running)(struct ovl_executor *executor, struct ovl_future *future);

    /*
     * executor->limit was changed: where it was raised, see that workers take what is queued. NULL:
     * queued_many does, or there is nothing to limit. The lock is held.
     */
    void (*limited)(struct ovl_executor *executor);

    /*
     * Ends the workers and frees what open made. No task is queued; where `abandon`, some still run
     * and must be left to end by themselves, each worker holding a reference of the executor.
     */
    void (*close)(struct ovl_executor *executor, bool abandon);

    /*
     * All running tasks are asked to end, their flags are set already; NULL: cancel_running does it
     * for each. The lock is held.
     */
    void (*cancel_all)(struct ovl_executor *executor);

    /* Runs a whole map, as ovl_map; NULL: each task gets a future. Without the lock. */
    int (*map)(struct ovl_executor *executor, const struct ovl__map *map);

    /* Tells running tasks from those that the model has only handed on; NULL: it hands on none.
     * Locked. */
    void (*count)(struct ovl_executor *executor, struct ovl_counts *counts);

    /*
     * The caller is about to sleep until this future, or any (NULL), is done: it may do something
     * for that, for a moment. NULL: nothing. The lock is held, and may be let go meanwhile.
     */
    void (*help)(struct ovl_executor *executor, struct ovl_future *future);
};

extern const struct ovl__model_ops ovl__model_sync;
extern const struct ovl__model_ops ovl__model_threads;
extern const struct ovl__model_ops ovl__model_async;
extern const struct ovl__model_ops ovl__model_processes;

struct ovl_executor {
    const struct ovl__model_ops *ops;
    struct ovl_options options; /* as given, the defaults filled in; never changes */
    unsigned workers;
    atomic_uint limit; /* of tasks that workers take and run at once; changes under the lock */
    unsigned active;   /* that they run: without those that run inside of another's wait */
    atomic_uint references;
    pthread_mutex_t lock;
    struct ovl_counts counts;
    struct ovl__link queue;      /* of futures QUEUED, the oldest first */
    struct ovl__link running;    /* of futures RUNNING */
    struct ovl__wait_list work;  /* idle workers; the model's affair */
    struct ovl__wait_list room;  /* submitters, while the queue is full */
    struct ovl__wait_list quiet; /* the closer, until nothing is queued or running */
    bool closing;                /* no more submits; workers end when the queue is empty */
    struct ovl_ledger *ledger;   /* NULL: none, or the close abandoned it */
    void *own;                   /* the model's */
};

void ovl__executor_hold(struct ovl_executor *executor);
void ovl__executor_drop(struct ovl_executor *executor);

/*
 * Takes the oldest queued task to run it, RUNNING from here on, or NULL: there is none, or as many
 * run as may. Tasks whose deadline has passed are finished on the way. The lock is held.
 */
struct ovl_future *ovl__executor_take(struct ovl_executor *executor);

/* Whether there is a task to take, and the limit allows it. The lock is held. */
bool ovl__executor_may_take(const struct ovl_executor *executor);

/* Takes this task to run it on a worker of its own: try_take, and it counts towards the limit. */
bool ovl__future_take(struct ovl_future *future);

/*
 * Takes this task to run it inside of another's wait or submit, if it is still queued; false where
 * it is not, or where its deadline has passed and it was finished. The lock is held.
 */
bool ovl__future_try_take(struct ovl_future *future);

/*
 * Runs a task that was taken, on this worker, in the calling thread or coroutine: opens the session
 * where needed, measures, and fills in the future's outcome, result and record. It does not finish
 * the future.
 */
void ovl__worker_run(struct ovl__worker *worker, struct ovl_future *future);

/* Closes the worker's sessions; it runs nothing any more. In the worker. */
void ovl__worker_release(struct ovl__worker *worker);

/*
 * A worker's whole life, for models whose workers take tasks by themselves: runs tasks until the
 * executor closes and the queue is empty, then closes the sessions. In the worker, without the
 * lock.
 */
void ovl__worker_loop(struct ovl__worker *worker);

/* Ends a RUNNING future with the outcome in it: counts, records, wakes who waits. The lock is held.
 */
void ovl__future_finish(struct ovl_future *future);

/* Ends a QUEUED future that will not begin. The lock is held. */
void ovl__future_refuse(struct ovl_future *future, int error);

/* Fails all that is queued: the model cannot run anything any more. The lock is held. */
void ovl__executor_refuse_all(struct ovl_executor *executor, int error);

/* Gives back a reference. */
void ovl__future_drop(struct ovl_future *future);

/* Puts a RUNNING task back at the head of the queue: its worker died, and it may be repeated.
 * Locked. */
void ovl__future_requeue(struct ovl_future *future);

/* What a map asks for beyond ovl_submit_with. */
struct ovl__submit_extras {
    void (*notify)(void *context, struct ovl_future *future); /* see struct ovl_future */
    void *notify_context;
    bool quietly; /* the workers hear of it by ovl__executor_announce, soon; not under sync */
};

int ovl__submit(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
                const struct ovl_submit_options *options, const struct ovl__submit_extras *extras,
                struct ovl_future **ret_future);

/*
 * Tells the workers of what was submitted quietly. A worker that is woken may take the processor of
 * whoever submits; told of each task, the others would hear of theirs only when that one is done.
 */
void ovl__executor_announce(struct ovl_executor *executor);

/* The innermost of the caller's own tasks that `executor` runs, or NULL: the caller is no task of
 * it. */
struct ovl_task *ovl__task_here(const struct ovl_executor *executor);

#endif
