#include "base/memory.h"
#include "loop/loop.h"
#include "loop/park.h"

#include <errno.h>
#include <overlap/error.h>
#include <overlap/lock.h>

/*
 * All of these are a state that a pthread mutex guards for moments, and a list of those who wait
 * for it to change.
 */
struct sign {
    pthread_mutex_t mutex;
    struct ovl__wait_list waiters;
};

static void sign_init(struct sign *sign)
{
    pthread_mutex_init(&sign->mutex, NULL);
    ovl__wait_list_init(&sign->waiters);
}

static void sign_release(struct sign *sign)
{
    pthread_mutex_destroy(&sign->mutex);
}

/* --- semaphores --- */

struct ovl_semaphore {
    struct sign sign;
    const char *kind; /* what it is to whoever asks what a coroutine waits for */
    unsigned permits;
};

static struct ovl_semaphore *semaphore_new(const char *kind, unsigned permits)
{
    struct ovl_semaphore *semaphore = ovl__zalloc(sizeof *semaphore);
    if (!semaphore)
        return NULL;
    sign_init(&semaphore->sign);
    semaphore->kind = kind;
    semaphore->permits = permits;
    return semaphore;
}

int ovl_semaphore_open(unsigned permits, struct ovl_semaphore **ret_semaphore)
{
    struct ovl_semaphore *semaphore = semaphore_new("semaphore", permits);
    if (!semaphore)
        return -ENOMEM;
    *ret_semaphore = semaphore;
    return 0;
}

void ovl_semaphore_free(struct ovl_semaphore *semaphore)
{
    if (!semaphore)
        return;
    sign_release(&semaphore->sign);
    free(semaphore);
}

typedef int wait_fn(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

/* A give wakes the longest waiter and hands it the permit, so that nobody can come before it. */
static int take(struct ovl_semaphore *semaphore, ovl_time deadline, wait_fn *wait)
{
    struct sign *sign = &semaphore->sign;
    int error = 0;
    pthread_mutex_lock(&sign->mutex);
    if (semaphore->permits) {
        semaphore->permits--;
    } else {
        ovl__waits_for(semaphore->kind, -1);
        error = wait(&sign->waiters, &sign->mutex, deadline);
    }
    pthread_mutex_unlock(&sign->mutex);
    return error;
}

int ovl_semaphore_take(struct ovl_semaphore *semaphore, ovl_time deadline)
{
    return take(semaphore, deadline, ovl__wait_or_cancel);
}

void ovl_semaphore_give(struct ovl_semaphore *semaphore)
{
    struct sign *sign = &semaphore->sign;
    pthread_mutex_lock(&sign->mutex);
    if (!ovl__wake_one(&sign->waiters))
        semaphore->permits++;
    pthread_mutex_unlock(&sign->mutex);
}

/* --- mutexes --- */

struct ovl_mutex {
    struct ovl_semaphore semaphore; /* of one permit */
};

int ovl_mutex_open(struct ovl_mutex **ret_mutex)
{
    struct ovl_semaphore *semaphore = semaphore_new("mutex", 1);
    if (!semaphore)
        return -ENOMEM;
    *ret_mutex = ovl__of(semaphore, struct ovl_mutex, semaphore);
    return 0;
}

void ovl_mutex_free(struct ovl_mutex *mutex)
{
    if (mutex)
        ovl_semaphore_free(&mutex->semaphore);
}

int ovl_mutex_lock(struct ovl_mutex *mutex, ovl_time deadline)
{
    return ovl_semaphore_take(&mutex->semaphore, deadline);
}

void ovl_mutex_unlock(struct ovl_mutex *mutex)
{
    ovl_semaphore_give(&mutex->semaphore);
}

/* --- conditions --- */

struct ovl_condition {
    struct sign sign;
};

int ovl_condition_open(struct ovl_condition **ret_condition)
{
    struct ovl_condition *condition = ovl__zalloc(sizeof *condition);
    if (!condition)
        return -ENOMEM;
    sign_init(&condition->sign);
    *ret_condition = condition;
    return 0;
}

void ovl_condition_free(struct ovl_condition *condition)
{
    if (!condition)
        return;
    sign_release(&condition->sign);
    free(condition);
}

/* The list is entered before the mutex is unlocked: a notify after that cannot be missed. */
int ovl_condition_wait(struct ovl_condition *condition, struct ovl_mutex *mutex, ovl_time deadline)
{
    struct sign *sign = &condition->sign;
    pthread_mutex_lock(&sign->mutex);
    ovl_mutex_unlock(mutex);
    ovl__waits_for("condition", -1);
    int error = ovl__wait_or_cancel(&sign->waiters, &sign->mutex, deadline);
    pthread_mutex_unlock(&sign->mutex);
    take(&mutex->semaphore, OVL_FOREVER, ovl__wait); /* whatever happened, it is held again */
    return error;
}

void ovl_condition_notify(struct ovl_condition *condition)
{
    pthread_mutex_lock(&condition->sign.mutex);
    ovl__wake_one(&condition->sign.waiters);
    pthread_mutex_unlock(&condition->sign.mutex);
}

void ovl_condition_notify_all(struct ovl_condition *condition)
{
    pthread_mutex_lock(&condition->sign.mutex);
    ovl__wake_all(&condition->sign.waiters);
    pthread_mutex_unlock(&condition->sign.mutex);
}

/* --- events --- */

struct ovl_event {
    struct sign sign;
    bool set;
};

int ovl_event_open(struct ovl_event **ret_event)
{
    struct ovl_event *event = ovl__zalloc(sizeof *event);
    if (!event)
        return -ENOMEM;
    sign_init(&event->sign);
    *ret_event = event;
    return 0;
}

void ovl_event_free(struct ovl_event *event)
{
    if (!event)
        return;
    sign_release(&event->sign);
    free(event);
}

int ovl_event_wait(struct ovl_event *event, ovl_time deadline)
{
    struct sign *sign = &event->sign;
    int error = 0;
    pthread_mutex_lock(&sign->mutex);
    if (!event->set) {
        ovl__waits_for("event", -1);
        error = ovl__wait_or_cancel(&sign->waiters, &sign->mutex, deadline);
    }
    pthread_mutex_unlock(&sign->mutex);
    return error;
}

void ovl_event_set(struct ovl_event *event)
{
    pthread_mutex_lock(&event->sign.mutex);
    event->set = true;
    ovl__wake_all(&event->sign.waiters);
    pthread_mutex_unlock(&event->sign.mutex);
}

void ovl_event_clear(struct ovl_event *event)
{
    pthread_mutex_lock(&event->sign.mutex);
    event->set = false;
    pthread_mutex_unlock(&event->sign.mutex);
}

bool ovl_event_is_set(struct ovl_event *event)
{
    pthread_mutex_lock(&event->sign.mutex);
    bool set = event->set;
    pthread_mutex_unlock(&event->sign.mutex);
    return set;
}

/* --- once --- */

enum { NOT_DONE, UNDER_WAY, DONE };

/* Whoever waits for any of them waits in one list: that is rare, and short. */
static struct {
    pthread_mutex_t mutex;
    struct ovl__wait_list waiters;
} onces = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* 0: it is done, or the caller's to do: then *ret_mine. */
static int claim_once(struct ovl_once *once, ovl_time deadline, bool *ret_mine)
{
    int error = 0;
    pthread_mutex_lock(&onces.mutex);
    if (!onces.waiters.waiters.next)
        ovl__wait_list_init(&onces.waiters);
    while (!error && once->state == UNDER_WAY) {
        ovl__waits_for("once", -1);
        error = ovl__wait_or_cancel(&onces.waiters, &onces.mutex, deadline);
    }
    *ret_mine = !error && once->state == NOT_DONE;
    if (*ret_mine)
        once->state = UNDER_WAY;
    pthread_mutex_unlock(&onces.mutex);
    return error;
}

int ovl_once_call(struct ovl_once *once, int (*fn)(void *argument), void *argument,
                  ovl_time deadline)
{
    if (__atomic_load_n(&once->state, __ATOMIC_ACQUIRE) == DONE)
        return 0;
    bool is_mine;
    int error = claim_once(once, deadline, &is_mine);
    if (error || !is_mine)
        return error;
    error = fn(argument);
    pthread_mutex_lock(&onces.mutex);
    __atomic_store_n(&once->state, error ? NOT_DONE : DONE, __ATOMIC_RELEASE);
    ovl__wake_all(&onces.waiters);
    pthread_mutex_unlock(&onces.mutex);
    return error;
}
