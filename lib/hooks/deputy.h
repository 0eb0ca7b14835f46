/*
 * Mutexes with priority inheritance, whose waiters and holder the kernel knows as threads. For a
 * coroutine that has to wait, another thread waits, its deputy, and then holds the mutex in its
 * place: nobody else could unlock it.
 *
 * Until it is to unlock, a deputy waits in turn, by a futex of the same kind, for the thread of the
 * coroutine: so whoever waits for the mutex lends its priority to that thread.
 */
#ifndef OVL_HOOKS_DEPUTY_H
#define OVL_HOOKS_DEPUTY_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* Whether a deputy holds the mutex for a coroutine of this thread. */
bool ovl__deputy_holds(const pthread_mutex_t *mutex);

/*
 * Has a deputy lock it; the calling coroutine gives way meanwhile. `time`: NULL, for ever;
 * otherwise of `clock`. Returns as pthread_mutex_lock does, and -1 where no thread is to be had.
 */
int ovl__deputy_lock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time);

/*
 * Has it unlocked, where a deputy holds it; the mutex is let alone afterwards. This blocks for as
 * long as that takes.
 */
void ovl__deputy_unlock(const pthread_mutex_t *mutex);

#endif
