#include "loop/park.h"

#include "coroutine/coroutine.h"
#include "ledger/meter.h"
#include "loop/loop.h"

#include <errno.h>
#include <linux/futex.h>
#include <overlap/error.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * One who waits, on its own stack. Whoever wakes it takes it out of the list first, so that it is
 * woken once; having timed out, it still awaits a wake that is under way before its stack goes.
 */
struct waiter {
    struct ovl__link link; /* in the list; alone: taken out, a wake is under way or done */
    struct ovl__coroutine *coroutine; /* NULL: a thread */
    struct ovl__message message;      /* brings the wake to the coroutine's thread */
    bool suspended;                   /* the coroutine's thread only */
    atomic_uint woken;                /* a thread sleeps on it */
};

void ovl__wait_list_init(struct ovl__wait_list *list)
{
    ovl__list_init(&list->waiters);
}

/* In the coroutine's thread: from here on the waiter may be gone. */
static void deliver(struct ovl__message *message)
{
    struct waiter *waiter = ovl__of(message, struct waiter, message);
    struct ovl__coroutine *coroutine = waiter->coroutine;
    bool suspended = waiter->suspended;
    atomic_store_explicit(&waiter->woken, 1, memory_order_relaxed);
    if (suspended)
        ovl__resume(coroutine);
}

static void wake(struct waiter *waiter)
{
    if (!waiter->coroutine) {
        atomic_store_explicit(&waiter->woken, 1, memory_order_release);
        /* The waiter may be gone by now; waking an address that nobody sleeps on does no harm. */
        syscall(SYS_futex, &waiter->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else if (waiter->coroutine->loop == ovl__loop_here()) {
        deliver(&waiter->message);
    } else {
        ovl__loop_post(waiter->coroutine->loop, &waiter->message);
    }
}

bool ovl__wake_one(struct ovl__wait_list *list)
{
    struct ovl__link *link = ovl__list_take(&list->waiters);
    if (link)
        wake(ovl__of(link, struct waiter, link));
    return link != NULL;
}

void ovl__wake_all(struct ovl__wait_list *list)
{
    while (ovl__wake_one(list))
        ;
}

static bool sleep_until_woken(struct waiter *waiter, ovl_time deadline)
{
    if (deadline < 0)
        deadline = 0;
    struct timespec until = {.tv_sec = deadline / OVL_SECOND, .tv_nsec = deadline % OVL_SECOND};
    while (!atomic_load_explicit(&waiter->woken, memory_order_acquire)) {
        long error = syscall(SYS_futex, &waiter->woken, FUTEX_WAIT_BITSET_PRIVATE, 0,
                             deadline == OVL_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
        if (error && errno == ETIMEDOUT)
            return atomic_load_explicit(&waiter->woken, memory_order_acquire);
    }
    return true;
}

static bool suspend_until_woken(struct waiter *waiter, ovl_time deadline)
{
    waiter->suspended = true;
    int error = 0;
    while (!atomic_load_explicit(&waiter->woken, memory_order_relaxed) && !error)
        error = ovl__suspend(deadline);
    waiter->suspended = false;
    return atomic_load_explicit(&waiter->woken, memory_order_relaxed);
}

static bool until_woken(struct waiter *waiter, ovl_time deadline)
{
    return waiter->coroutine ? suspend_until_woken(waiter, deadline)
                             : sleep_until_woken(waiter, deadline);
}

int ovl__wait(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline)
{
    struct ovl__context *self = ovl__current;
    struct waiter waiter = {
        .coroutine = self ? self->coroutine : NULL,
        .message = {.handle = deliver},
    };
    ovl_time began = self && self->meter ? ovl_now() : 0;
    ovl__list_append(&list->waiters, &waiter.link);
    pthread_mutex_unlock(mutex);
    bool woken = until_woken(&waiter, deadline);
    pthread_mutex_lock(mutex);
    if (!woken && !ovl__list_empty(&waiter.link)) {
        ovl__list_remove(&waiter.link);
    } else if (!woken) {
        pthread_mutex_unlock(mutex);
        until_woken(&waiter, OVL_FOREVER);
        pthread_mutex_lock(mutex);
        woken = true;
    }
    if (began && self->coroutine)
        ovl__meter_wait(self->meter, OVL_WAIT_LOCK, began);
    else if (began)
        ovl__meter_call(self->meter, OVL_WAIT_LOCK, began);
    return woken ? 0 : OVL_ETIMEDOUT;
}
