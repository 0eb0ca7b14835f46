/* What the hooks of mutexes, condition variables, semaphores and other locks share. */
#ifndef OVL_HOOKS_LOCKS_H
#define OVL_HOOKS_LOCKS_H

#include "hooks/hooks.h"

#include <overlap/time.h>

/* The hooks' own locks, which a sanitizer is to see as such: base/own.h. */
int ovl__own_pthread_mutex_lock(pthread_mutex_t *mutex);
int ovl__own_pthread_mutex_unlock(pthread_mutex_t *mutex);

/* An absolute time of `clock`, as one of ovl_now. False: it is none, or there is no such clock. */
bool ovl__deadline_at(clockid_t clock, const struct timespec *time, ovl_time *ret_deadline);

/*
 * Locks a mutex for the coroutine that runs, which gives way meanwhile; `clock` and `time` as for
 * pthread_mutex_clocklock, or NULL: for ever. Returns as pthread_mutex_lock does.
 */
int ovl__mutex_lock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time);

/* Unlocks it for the coroutine that runs. */
int ovl__mutex_unlock(pthread_mutex_t *mutex);

#endif
