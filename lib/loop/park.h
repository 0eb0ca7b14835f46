/*
 * Parking: how threads and coroutines alike wait for each other.
 *
 * A wait list is a condition variable that does not care who waits: a thread sleeps, a coroutine
 * gives way to others. It is used together with one mutex, which is held only for moments and never
 * while a coroutine gives way.
 *
 * Whoever is woken needs that mutex next. Where its holder took it by ovl__park_lock, the system
 * is asked to wake them only when the holder has let it go, so that they do not run into it.
 */
#ifndef OVL_LOOP_PARK_H
#define OVL_LOOP_PARK_H

#include "base/list.h"

#include <overlap/time.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct ovl__wait_list {
    struct ovl__link waiters; /* of those who wait, the longest first */
};

void ovl__wait_list_init(struct ovl__wait_list *list);

/*
 * Unlocks the mutex, waits until woken or until `deadline`, and locks it again.
 * 0: woken, and only by a wake: there are no spurious ones. OVL_ETIMEDOUT.
 */
int ovl__wait(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

/*
 * The same, and OVL_ECANCELED as soon as a scope that the coroutine is in is cancelled, or -EINTR
 * as ovl__suspend. A wake that came before counts: then it is 0.
 */
int ovl__wait_or_cancel(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

/* One of several lists that are waited on at once. */
struct ovl__wait_case {
    struct ovl__wait_list *list;
    pthread_mutex_t *mutex;
    struct ovl__link link; /* in the list while it waits */
    void *waiter;          /* whose it is */
};

/*
 * Waits on all of the lists until one of them is woken, or until `deadline`; as ovl__wait_or_cancel
 * otherwise. All of the mutexes are held by the caller, and are when it returns; one that stands in
 * several cases is named in the first of them and NULL in the others. They are locked in the order
 * of the cases.
 *
 * 0: *ret_woken is the case that was woken. Where the caller then makes no use of it, it is to wake
 * the next one in that list.
 */
int ovl__wait_any(struct ovl__wait_case *cases, size_t count, ovl_time deadline, size_t *ret_woken);

/*
 * Makes a mutex that is held for moments only, by threads that run at once: who finds it taken
 * looks again before it sleeps. pthread_mutex_destroy ends it.
 */
void ovl__park_lock_init(pthread_mutex_t *mutex);

/*
 * As pthread_mutex_lock and _unlock. Those whom the thread wakes in between are told by the unlock
 * of the last such mutex that it holds, or by the wait that it begins: who lets it go in another
 * way keeps them waiting.
 */
void ovl__park_lock(pthread_mutex_t *mutex);
void ovl__park_unlock(pthread_mutex_t *mutex);

/* Wakes who has waited longest; false where nobody waits. The mutex is held. Any thread. */
bool ovl__wake_one(struct ovl__wait_list *list);

/* Wakes all. The mutex is held. Any thread. */
void ovl__wake_all(struct ovl__wait_list *list);

#endif
