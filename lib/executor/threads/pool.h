/*
 * The core of the threads model: work stealing.
 *
 * Tasks from outside go through the injector (injector.h); a worker takes some of them at a time
 * into its deque (deque.h), from which others steal while it is busy. The parts of a join (join.c)
 * go into the deque at once; the items of a map (range.c) are handed out as ranges that are split.
 * Workers without work sleep as idle.h has it.
 *
 * Counts are kept by each worker for itself, and summed by whoever asks: what has ended is read
 * first and what was submitted last, so that what is between the two never seems negative.
 */
#ifndef OVL_EXECUTOR_THREADS_POOL_H
#define OVL_EXECUTOR_THREADS_POOL_H

#include "base/processor.h"
#include "coroutine/coroutine.h"
#include "executor/executor.h"
#include "executor/threads/deque.h"
#include "executor/threads/idle.h"
#include "executor/threads/injector.h"

struct ovl__pool;

/* How many entries a worker takes out of the injector at once, at most: they fit into its deque. */
#define OVL__BATCH 32

/* What an entry of a deque or of the injector is: its lowest bits. */
enum ovl__entry_kind { OVL__ENTRY_FUTURE, OVL__ENTRY_JOB, OVL__ENTRY_RANGE, OVL__ENTRY_KINDS = 4 };

/* A worker. What others read is on lines of its own. */
struct ovl__thread {
    struct ovl__worker worker;
    struct ovl__pool *pool;
    pthread_t id;
    struct ovl__processor_place place;
    bool placed; /* it has begun, and was let go from its place */
    unsigned random;
    unsigned taken;          /* entries at its last visit of the injector */
    bool ended;              /* under the executor's lock: touches nothing any more */
    struct ovl__waits waits; /* its task's, where they are free */
    struct ovl__deque deque;
    struct ovl__sleeper sleeper;
    /* Written by the worker alone: */
    _Alignas(64) OVL__ATOMIC(size_t) tasks_begun;
    OVL__ATOMIC(size_t) items_begun; /* of maps */
    OVL__ATOMIC(size_t) done;
    OVL__ATOMIC(size_t) failed;
};

struct ovl__pool {
    struct ovl_executor *executor;
    struct ovl__thread *threads; /* `count` of them, on cache lines of their own */
    unsigned count;
    unsigned started; /* under the executor's lock: so many of them run */
    OVL__ATOMIC(bool) closing;
    OVL__ATOMIC(bool) ending;           /* workers end when they find nothing */
    OVL__ATOMIC(bool) forking;          /* some task has joined */
    OVL__ATOMIC(unsigned) room_waiters; /* who wait for room */
    struct ovl__injector injector;
    /* Under the injector's lock: */
    OVL__ATOMIC(size_t) tasks_submitted;
    OVL__ATOMIC(size_t) items_submitted;
    size_t begun_known; /* of tasks begun or refused, at least */
    /* Under the executor's lock: */
    OVL__ATOMIC(size_t) tasks_refused; /* ended before they began */
    OVL__ATOMIC(size_t) items_refused; /* by whoever took them */
    struct ovl__idle idle;
};

static inline ovl__entry ovl__entry_of(void *object, enum ovl__entry_kind kind)
{
    return (ovl__entry)object | kind;
}

static inline enum ovl__entry_kind ovl__entry_kind(ovl__entry entry)
{
    return (enum ovl__entry_kind)(entry % OVL__ENTRY_KINDS);
}

static inline void *ovl__entry_object(ovl__entry entry)
{
    return (void *)(entry - entry % OVL__ENTRY_KINDS);
}

/*
 * Whether this process is a child that was forked with the pool open: there are no workers here,
 * nothing is taken, what had not ended fails with OVL_ECLOSED, and no lock of it may be taken.
 */
bool ovl__pool_is_copy(const struct ovl__pool *pool);

/* Puts an entry in, for anybody. -ENOMEM. The injector's lock is held. */
int ovl__pool_inject(struct ovl__pool *pool, ovl__entry entry);

/* There is something in the injector (idle.h: ovl__idle_notify). After its lock was let go. */
void ovl__pool_notify(struct ovl__pool *pool, bool soon);

/* Runs an entry that was taken out. In the worker. */
void ovl__pool_run(struct ovl__thread *self, ovl__entry entry);

/* Ends an entry that was taken out without running it: the executor's tasks were cancelled. */
void ovl__pool_refuse(struct ovl__pool *pool, ovl__entry entry);

/* Counts what ended before it began, and tells who waits for room or for quiet. */
void ovl__pool_count_refused(struct ovl__pool *pool, OVL__ATOMIC(size_t) * counter, size_t count);

/* Frees what is left in the queues: nothing of it is awaited. */
void ovl__pool_release(struct ovl__pool *pool);

/* --- workers (work.c) --- */

/* A worker's life, until the pool ends. */
void ovl__pool_work(struct ovl__thread *self);

/* The executor's limit was changed. Its lock is held. */
void ovl__pool_limit(struct ovl__pool *pool);

/* Before the worker starts: while a task of its waits it is not active. */
void ovl__pool_free_waits(struct ovl__thread *thread);

/* --- maps --- */

struct ovl__range;

/* See struct ovl__core. */
int ovl__pool_map(struct ovl_executor *executor, const struct ovl__map *map);

/* Works on a map until it is used up, or others wait; gives the entry's reference back, or the
 * entry back to the injector. In the worker. */
void ovl__range_work(struct ovl__thread *self, struct ovl__range *range);

/* Cancels all that is not begun, and gives the entry's reference back. */
void ovl__range_cancel(struct ovl__range *range);

/* Gives the entry's reference back. */
void ovl__range_drop(struct ovl__range *range);

/* --- joins --- */

struct ovl__job;

/* Runs a part of another worker's join. In the worker. */
void ovl__job_run(struct ovl__thread *self, struct ovl__job *job);

#endif
