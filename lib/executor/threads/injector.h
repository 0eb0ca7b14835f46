/*
 * The queue through which tasks come to the workers from outside: the oldest first. Any thread puts
 * in and takes out; who puts in and who takes out hold locks of their own, for some instructions,
 * so that the two do not meet. Who takes, takes several at once.
 *
 * A task that is cancelled, or run by who waits for it, stays behind as a dead entry until it is
 * taken out, or until the queue would grow.
 *
 * Source: Michael and Scott, Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue
 * Algorithms (1996), for the two locks.
 */
#ifndef OVL_EXECUTOR_THREADS_INJECTOR_H
#define OVL_EXECUTOR_THREADS_INJECTOR_H

#include "base/atomic.h"
#include "executor/threads/deque.h"

struct ovl__injector {
    _Alignas(64) struct ovl__lock lock; /* of who puts in */
    OVL__ATOMIC(size_t) tail;           /* behind the newest */
    size_t head_known;                  /* the head was there, or further; under the lock */
    OVL__ATOMIC(ovl__entry) * ring;     /* changed with both locks held, */
    size_t room;                        /* as is its size: a power of two */
    _Alignas(64) struct ovl__lock out;  /* of who takes out; taken after the other */
    OVL__ATOMIC(size_t) head;           /* where the oldest is; only grows */
};

/* -ENOMEM */
int ovl__injector_init(struct ovl__injector *injector);
void ovl__injector_release(struct ovl__injector *injector);

/*
 * Appends an entry. -ENOMEM. Before the ring grows, `is_dead` is asked for every entry, and those
 * for which it is true are taken out: it gives them up. The lock is held.
 */
int ovl__injector_push(struct ovl__injector *injector, ovl__entry entry,
                       bool (*is_dead)(ovl__entry entry));

/* Takes out up to `most` of the oldest, and returns how many. Without the lock. */
size_t ovl__injector_take(struct ovl__injector *injector, ovl__entry *ret_entries, size_t most);

/* How many entries there are, now or a moment ago. Any thread, without the lock. */
static inline size_t ovl__injector_size(struct ovl__injector *injector)
{
    size_t head = ovl__load(&injector->head, relaxed);
    size_t size = ovl__load(&injector->tail, relaxed) - head;
    return size <= SIZE_MAX / 2 ? size : 0; /* the head may be newer, and entries swept away */
}

#endif
