/*
 * What the models share: futures, sessions, and running a task. A model adds how its workers come
 * to be, wait and end: it fills in struct ovl__model_ops, and nothing outside its file knows how it
 * works.
 *
 * How tasks are kept from their submit to their end is a core's affair, of which there are two:
 * one queue under one lock (queue.h), and for `threads` work stealing (threads/pool.h).
 */
#ifndef OVL_EXECUTOR_EXECUTOR_H
#define OVL_EXECUTOR_EXECUTOR_H

#include "base/fork.h"
#include "base/list.h"
#include "base/memory.h"
#include "executor/state.h"
#include "ledger/meter.h"
#include "loop/loop.h"
#include "loop/park.h"
#include "loop/scope.h"

#include <overlap/executor.h>
#include <overlap/future.h>
#include <overlap/task.h>
#include <overlap/tuner.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ovl__thread;

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
    unsigned repetitions;        /* left */
    struct ovl__loan *loan;      /* whose the result's memory is; NULL: the future's */
    struct ovl__loan *item_loan; /* the same of the item's */
    /* Where the result's memory comes from: sets data and size; NULL: the heap. In the worker. */
    void *(*room)(struct ovl_future *future, size_t size);
    struct ovl__scope *scope;      /* while it runs in a coroutine: that coroutine's thread only */
    struct ovl__message interrupt; /* brings a cancel to that thread */
    bool interrupting;             /* it is on its way; under the lock */
    /*
     * Called when the task has ended, before those who wait for it are woken: it may take `link`,
     * which is then free. A mutex of the core may be held.
     */
    void (*notify)(void *context, struct ovl_future *future);
    void *notify_context;
    struct ovl__meter meter; /* its record is kept even where there is no ledger. The last member,
                                so that a trail's segments are touched only where there are some */
};

struct ovl_future {
    _Alignas(
        16) struct ovl__state state; /* references: the caller's, and the queue's or the worker's */
    atomic_int cancel;               /* 0, or OVL_ECANCELED: asked to end */
    struct ovl_executor *executor;
    ovl_task_fn *fn;
    struct ovl_bytes item;         /* behind the future */
    ovl_time deadline;             /* OVL_FOREVER: none */
    struct ovl__future_more *more; /* NULL: nothing of it is needed */
    struct ovl__buffer result;     /* a small one is behind the item */
    struct ovl_outcome outcome;
    unsigned epoch; /* the executor's when it was queued */
    bool counted;   /* among executor->active; under its lock, the core of one queue only */
    bool is_block;  /* of base/blocks.h */
    bool is_apart;  /* holds no reference of the executor, which may go before it */
    struct ovl__wait_list waiters; /* under the mutex of ovl__future_mutex */
    struct ovl__link link;         /* in the queue, or wherever the model keeps those that run */
};

/* One worker. A model's own struct of a worker begins with it. */
struct ovl__worker {
    struct ovl_executor *executor;
    struct ovl__thread *thread; /* under `threads`, the worker itself; else NULL */
    unsigned number;
    struct ovl__buffer sessions; /* open and not in use: of void *, the last one is taken first */
    size_t session_count;        /* open, in use or not */
    bool unmetered; /* the task that it is about to run is not measured; the worker's own */
    struct ovl__waits *waits; /* who is told when its tasks wait, where it is a thread; or NULL */
};

/*
 * One call of a task function, on the stack of the worker that makes it: for a future, for an item
 * of a map, or for a part of a join.
 */
struct ovl_task {
    struct ovl__worker *worker;
    struct ovl__thread *thread; /* the worker's */
    void *session;
    struct ovl__buffer *result;
    struct ovl_future *lender; /* whose `room` gives the result's memory; NULL: the heap */
    const atomic_int *cancel;  /* asks it to end when it is not 0; NULL: nothing does */
    ovl_time deadline;         /* asks it to end; OVL_FOREVER: never */
    unsigned epoch;            /* the executor's when it was submitted: another asks it to end */
    struct ovl__meter *meter;  /* NULL: nothing is recorded */
    struct ovl_task
        *outer; /* the task in whose wait this one runs, of whatever executor; or NULL */
};

/* A map over arrays: what ovl_map was given. */
struct ovl__map {
    ovl_task_fn *fn;
    const char *items;
    size_t item_size;
    char *results;
    size_t result_size;
    size_t count;
    struct ovl_outcome *outcomes; /* or NULL */
};

/* How tasks are kept from their submit to their end. */
struct ovl__core {
    /* Takes the future in, or fails and leaves it alone; `quietly`: see ovl__submit_extras. */
    int (*submit)(struct ovl_future *future, const struct ovl_submit_options *options,
                  bool quietly);

    /* Tells the workers of what was submitted quietly. */
    void (*announce)(struct ovl_executor *executor);

    /* Runs the task in `here`, a task of the same executor that waits for it, if nobody has begun
     * it. */
    void (*run_inside)(struct ovl_task *here, struct ovl_future *future);

    void (*cancel)(struct ovl_future *future);
    void (*cancel_all)(struct ovl_executor *executor);
    void (*counts)(struct ovl_executor *executor, struct ovl_counts *ret_counts);

    /* In a child of fork: ends a task that nobody will end here; false: it is none such. */
    bool (*give_up)(struct ovl_future *future);

    /* How many are queued: for a future's `notify`, which may be called with the lock. */
    size_t (*queued)(struct ovl_executor *executor);

    /* Takes nothing any more but what its own tasks submit. */
    void (*begin_close)(struct ovl_executor *executor);

    /* Waits until nothing is queued or running; false where time is up. */
    bool (*await_quiet)(struct ovl_executor *executor, ovl_time deadline);

    /* As ovl_map, results and outcomes as the caller left them; NULL: the model's map does. */
    int (*map)(struct ovl_executor *executor, const struct ovl__map *map);
};

extern const struct ovl__core ovl__core_queue;
extern const struct ovl__core ovl__core_pool;

struct ovl__model_ops {
    enum ovl_model model;
    unsigned workers_max;
    bool begins_at_once; /* whoever submits runs the task, before the submit returns */
    bool judges;         /* looks at the meter of a task that has ended, in its future */
    const struct ovl__core *core;

    /*
     * Memory for a large item, to be written by the caller, which whoever runs the task finds there
     * as well. NULL: there is none, or (the member) the model has no use for that. Without the
     * lock.
     */
    void *(*room_for_item)(struct ovl_executor *executor, size_t size, struct ovl__loan **ret_loan);

    /* Starts what the model needs; executor->workers may be lowered. */
    int (*open)(struct ovl_executor *executor);

    /* The core of one queue only: this task was queued: see that a worker takes it. The lock is
     * held, and may be let go. */
    void (*queued)(struct ovl_executor *executor, struct ovl_future *future);

    /*
     * The core of one queue only: several tasks were queued with not a word of each: see that
     * workers take them. NULL where each must be told of. The lock is held.
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
     * The core of one queue only: all running tasks are asked to end, their flags are set already;
     * NULL: cancel_running does it for each. The lock is held.
     */
    void (*cancel_all)(struct ovl_executor *executor);

    /*
     * The core of one queue only: runs a whole map, as ovl_map, its results zeros and its outcomes
     * OVL_ECANCELED and OVL_NO_WORKER; NULL: each task gets a future. Without the lock.
     */
    int (*map)(struct ovl_executor *executor, const struct ovl__map *map);

    /*
     * The core of one queue only: runs the task of in_place.h in the caller, if it is to run there
     * and now; false: it is to be submitted. NULL: they all are. Without the lock.
     */
    bool (*run_in_place)(struct ovl_executor *executor, struct ovl_future *future);

    /* The core of one queue only: tells running tasks from those that the model has only handed on;
     * NULL: it hands on none. Locked. */
    void (*count)(struct ovl_executor *executor, struct ovl_counts *counts);

    /*
     * The core of one queue only: the caller is about to sleep until this future, or any (NULL), is
     * done: it may do something for that, for a moment. NULL: nothing. The lock is held, and may be
     * let go meanwhile.
     */
    void (*help)(struct ovl_executor *executor, struct ovl_future *future);

    /* Frees what close left to workers that it abandoned: nobody uses the executor any more. NULL.
     */
    void (*free)(struct ovl_executor *executor);
};

extern const struct ovl__model_ops ovl__model_sync;
extern const struct ovl__model_ops ovl__model_threads;
extern const struct ovl__model_ops ovl__model_async;
extern const struct ovl__model_ops ovl__model_processes;
extern const struct ovl__model_ops ovl__model_auto;
extern const struct ovl__model_ops ovl__model_cluster;

/* How many ranks work where this process is one of a cluster; otherwise 1. */
unsigned ovl__cluster_workers(void);

/*
 * One mutex per executor guards all that changes and is not said to be otherwise. It is held for
 * moments, never while a task runs, a session opens, or a coroutine gives way.
 */
struct ovl_executor {
    const struct ovl__model_ops *ops;
    unsigned forks;             /* as ovl__forks when it was opened */
    struct ovl_options options; /* as given, the defaults filled in; never changes */
    unsigned workers;
    atomic_uint limit; /* of tasks that workers take and run at once; changes under the lock */
    unsigned active; /* that they run: without those that run inside of another's wait; likewise */
    atomic_uint references;
    atomic_uint epoch; /* grows when all tasks are cancelled; the core of one queue needs none */
    pthread_mutex_t lock;
    struct ovl_counts counts;    /* the core of one queue only */
    struct ovl__link queue;      /* of futures QUEUED, the oldest first; likewise */
    struct ovl__link running;    /* of futures RUNNING; likewise */
    struct ovl__wait_list work;  /* idle workers; the model's affair */
    struct ovl__wait_list room;  /* submitters, while the queue is full */
    struct ovl__wait_list quiet; /* the closer, until nothing is queued or running */
    bool closing;                /* no more submits; workers end when the queue is empty */
    struct ovl_ledger *ledger;   /* a reference of it; NULL: none */
    bool metered;                /* tasks are measured: there is a ledger, or the model wants it */
    struct ovl_tuner *tuner;     /* has the limit follow what pays; NULL: it stays as it is told */
    struct ovl__decisions *decisions; /* NULL: it was not opened as `auto` */
    atomic_bool in_place;             /* run_in_place is to be asked; changes under the lock */
    char name[OVL_NAME_BYTES + 1];    /* of the workers, for the system */
    void *own;                        /* the model's */
};

/*
 * Whether this process is a child of fork, and the workers are its parent's: locks may be held by
 * nobody here, and nothing that is not done will be. Sync has no workers.
 */
static inline bool ovl__executor_is_copy(const struct ovl_executor *executor)
{
    return executor->forks != ovl__forks && executor->ops->model != OVL_SYNC;
}

/*
 * How often who waits for a task looks before it sleeps: a short one has ended by then, and it
 * costs the worker more to wake the waiter than to run one.
 */
#define OVL__LOOKS 30

/* Makes the lock anew, and empties what it guards: nothing is queued, and nobody waits. */
void ovl__executor_init_lists(struct ovl_executor *executor);

void ovl__executor_hold(struct ovl_executor *executor);
void ovl__executor_drop(struct ovl_executor *executor);

/*
 * Runs a task that was claimed, on this worker, in the calling thread or coroutine: opens the
 * session where needed, measures, fills in the future's outcome and result, and records the task.
 * It does not finish the future.
 */
void ovl__worker_run(struct ovl__worker *worker, struct ovl_future *future);

/*
 * Gives the worker's next call a session; 0 with *ret_session NULL where the executor has none.
 * What was opened is given back with ovl__worker_keep_session. In the worker. An error is
 * session_open's.
 */
int ovl__worker_open_session(struct ovl__worker *worker, void **ret_session);
void ovl__worker_keep_session(struct ovl__worker *worker, void *session);

/* What the system is to call the worker, of up to OVL__NAME bytes with its end. */
#define OVL__NAME 16
void ovl__worker_name(const struct ovl__worker *worker, char *name);

/* Calls fn(argument) as `task`: says so to the hooks and to nested calls, and measures. */
int ovl__task_call(struct ovl_task *task, int (*fn)(struct ovl_task *task, void *argument),
                   void *argument);

/* Why the task is to end: OVL_ECANCELED, OVL_ETIMEDOUT, or 0. */
int ovl__task_asked_to_end(const struct ovl_task *task);

/* Closes the worker's sessions; it runs nothing any more. In the worker. */
void ovl__worker_release(struct ovl__worker *worker);

/* A task that ran elsewhere: into the ledger, and to the tuner, where there are any. The lock is
 * held. */
void ovl__executor_record(struct ovl_executor *executor, const struct ovl__meter *meter);

/*
 * A task that runs in a coroutine of this loop is asked to end: what it waits for now, and whatever
 * it waits for later, fails. Once; the lock is held.
 */
void ovl__future_interrupt(struct ovl_future *future, struct ovl__loop *loop);

/* A future's own reference; gives one back. */
void ovl__future_hold(struct ovl_future *future);
void ovl__future_drop(struct ovl_future *future);

/* Frees one of which nobody else knows. */
void ovl__future_free_new(struct ovl_future *future);

/* What guards the future's waiters. */
pthread_mutex_t *ovl__future_mutex(struct ovl_future *future);

/* As ovl_future_wait, whatever is cancelled. */
int ovl__future_await(struct ovl_future *future, ovl_time deadline);

/* Puts a task that ran into its executor's ledger; what it was and how it ended is filled in. */
void ovl__future_record(struct ovl_future *future);

/* What a map asks for beyond ovl_submit_with. */
struct ovl__submit_extras {
    void (*notify)(void *context, struct ovl_future *future); /* see struct ovl__future_more */
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
