/*
 * Parking: how threads and coroutines alike wait for each other.
 *
 * A wait list is a condition variable that does not care who waits: a thread sleeps, a coroutine
 * gives way to others. It is used together with one mutex, which is held only for moments and never
 * while a coroutine gives way.
 */
#ifndef OVL_LOOP_PARK_H
#define OVL_LOOP_PARK_H

#include "base/list.h"

#include <overlap/time.h>
#include <pthread.h>

struct ovl__wait_list {
    struct ovl__link waiters; /* of those who wait, the longest first */
};

void ovl__wait_list_init(struct ovl__wait_list *list);

/*
 * Unlocks the mutex, waits until woken or until `deadline`, and locks it again.
 * 0: woken, and only by a wake: there are no spurious ones. OVL_ETIMEDOUT.
 */
int ovl__wait(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

/* Wakes who has waited longest; false where nobody waits. The mutex is held. Any thread. */
bool ovl__wake_one(struct ovl__wait_list *list);

/* Wakes all. The mutex is held. Any thread. */
void ovl__wake_all(struct ovl__wait_list *list);

#endif
