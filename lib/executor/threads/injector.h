/*
 * The queue through which tasks come to the workers from outside: the oldest first. Any thread puts
 * in and takes out, under a lock that is held for some instructions; who takes, takes several at
 * once.
 *
 * A task that is cancelled, or run by who waits for it, stays behind as a dead entry until it is
 * taken out, or until the queue would grow.
 */
#ifndef OVL_EXECUTOR_THREADS_INJECTOR_H
#define OVL_EXECUTOR_THREADS_INJECTOR_H

#include "base/atomic.h"
#include "executor/threads/deque.h"

struct ovl__injector {
    _Alignas(64) struct ovl__lock lock;
    ovl__entry *ring;
    size_t room;                           /* of the ring: a power of two */
    size_t head;                           /* where the oldest is; only grows */
    size_t tail;                           /* behind the newest; only grows */
    _Alignas(64) OVL__ATOMIC(size_t) size; /* tail - head, to be looked at without the lock */
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

/* Takes out up to `most` of the oldest, and returns how many. The lock is held. */
size_t ovl__injector_take(struct ovl__injector *injector, ovl__entry *ret_entries, size_t most);

/* How many entries there are, now or a moment ago. Any thread, without the lock. */
static inline size_t ovl__injector_size(struct ovl__injector *injector)
{
    return ovl__load(&injector->size, relaxed);
}

#endif
