/*
 * Locks and signs between coroutines, of one loop or of several, and threads. Pthread's own give
 * way in coroutines as well, which is for code that was not written for them; these have deadlines,
 * and whoever waits is called off with its scope.
 */
#ifndef OVERLAP_LOCK_H
#define OVERLAP_LOCK_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <stdbool.h>

OVL_BEGIN_DECLS

/* A number of permits. With one permit it is a mutex, which anybody may unlock. */
struct ovl_semaphore;

/* Ownership: ovl_semaphore_free. Threads: any. Errors: -ENOMEM. */
OVL_EXPORT int ovl_semaphore_open(unsigned permits, struct ovl_semaphore **ret_semaphore);
OVL_EXPORT void ovl_semaphore_free(struct ovl_semaphore *semaphore);

/*
 * Takes a permit, those who have waited longest first.
 *
 * Threads: any; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECANCELED.
 */
OVL_EXPORT int ovl_semaphore_take(struct ovl_semaphore *semaphore, ovl_time deadline);

/* Gives a permit back, or a new one. Threads: any. Errors: none. */
OVL_EXPORT void ovl_semaphore_give(struct ovl_semaphore *semaphore);

/* A mutex, held by one coroutine or thread at a time. */
struct ovl_mutex;

/* Ownership: ovl_mutex_free. Threads: any. Errors: -ENOMEM. */
OVL_EXPORT int ovl_mutex_open(struct ovl_mutex **ret_mutex);
OVL_EXPORT void ovl_mutex_free(struct ovl_mutex *mutex);

/* Threads: any; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECANCELED; it is not locked. */
OVL_EXPORT int ovl_mutex_lock(struct ovl_mutex *mutex, ovl_time deadline);

/* Threads: whoever locked it. Errors: none. */
OVL_EXPORT void ovl_mutex_unlock(struct ovl_mutex *mutex);

/* A condition: waiters of something that a mutex guards. */
struct ovl_condition;

/* Ownership: ovl_condition_free. Threads: any. Errors: -ENOMEM. */
OVL_EXPORT int ovl_condition_open(struct ovl_condition **ret_condition);
OVL_EXPORT void ovl_condition_free(struct ovl_condition *condition);

/*
 * Unlocks the mutex, waits until notified or until `deadline`, and locks it again, whatever it
 * returns.
 *
 * Threads: whoever locked the mutex. Errors: OVL_ETIMEDOUT, OVL_ECANCELED.
 */
OVL_EXPORT int ovl_condition_wait(struct ovl_condition *condition, struct ovl_mutex *mutex,
                                  ovl_time deadline);

/* Wakes the one that has waited longest, or all. Threads: any. Errors: none. */
OVL_EXPORT void ovl_condition_notify(struct ovl_condition *condition);
OVL_EXPORT void ovl_condition_notify_all(struct ovl_condition *condition);

/* An event: something that happened or not. */
struct ovl_event;

/* Ownership: ovl_event_free. Threads: any. Errors: -ENOMEM. */
OVL_EXPORT int ovl_event_open(struct ovl_event **ret_event);
OVL_EXPORT void ovl_event_free(struct ovl_event *event);

/* Waits until it is set. Threads: any; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECANCELED.
 */
OVL_EXPORT int ovl_event_wait(struct ovl_event *event, ovl_time deadline);

/* Sets it, and wakes all who wait; or takes that back. Threads: any. Errors: none. */
OVL_EXPORT void ovl_event_set(struct ovl_event *event);
OVL_EXPORT void ovl_event_clear(struct ovl_event *event);
OVL_EXPORT bool ovl_event_is_set(struct ovl_event *event);

/* Something that is done once: `static struct ovl_once once = OVL_ONCE;`. */
struct ovl_once {
    int state; /* the library's */
};

#define OVL_ONCE                                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

/*
 * Calls fn(argument), unless a call by this `once` has succeeded before. While one caller is in fn,
 * which may wait, the others wait until `deadline`. Where fn returns an error, the next one tries
 * again.
 *
 * Threads: any; a coroutine gives way. Errors: fn's own; OVL_ETIMEDOUT, OVL_ECANCELED.
 */
OVL_EXPORT int ovl_once_call(struct ovl_once *once, int (*fn)(void *argument), void *argument,
                             ovl_time deadline);

OVL_END_DECLS

#endif
