#include "loop/park.h"

#include "base/sanitize.h"
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
 * One who waits, on its own stack, in one list or in several. Whoever wakes it claims it first, so
 * that it is woken once: in the other lists it is then passed over. Having timed out, it claims
 * itself; where that comes too late, it still awaits the wake that is under way before its stack
 * goes.
 */
struct waiter {
    struct ovl__coroutine *coroutine;         /* NULL: a thread */
    struct ovl__message message;              /* brings the wake to the coroutine's thread */
    bool suspended;                           /* the coroutine's thread only */
    atomic_uint woken;                        /* a thread sleeps on it */
    _Atomic(struct ovl__wait_case *) claimed; /* what woke it; &given_up: nothing any more */
};

static struct ovl__wait_case given_up;

/* Whom this thread has woken, and will tell of it as soon as it holds no mutex any more. */
struct untold {
    unsigned held;              /* mutexes of ovl__park_lock */
    struct ovl__message *first; /* of waiters: they stay until they are told */
    struct ovl__message *last;
};

static _Thread_local struct untold untold;

static bool claim(struct waiter *waiter, struct ovl__wait_case *by)
{
    struct ovl__wait_case *nothing = NULL;
    return atomic_compare_exchange_strong(&waiter->claimed, &nothing, by);
}

/* How a coroutine gives way: with or without an ear for cancelled scopes. */
typedef int suspend_fn(ovl_time deadline);

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

static void tell(struct waiter *waiter)
{
    if (!waiter->coroutine) {
        atomic_store_explicit(&waiter->woken, 1, memory_order_release);
        /* The waiter may be gone by now; waking an address that nobody sleeps on does no harm. */
        syscall(SYS_futex, &waiter->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else {
        ovl__loop_post(waiter->coroutine->loop, &waiter->message);
    }
}

static void tell_later(struct waiter *waiter)
{
    struct ovl__message *message = &waiter->message;
    message->next = NULL;
    if (untold.first)
        untold.last->next = message;
    else
        untold.first = message;
    untold.last = message;
}

static void tell_all(void)
{
    struct ovl__message *next;
    for (struct ovl__message *message = untold.first; message; message = next) {
        next = message->next;
        tell(ovl__of(message, struct waiter, message));
    }
    untold.first = NULL;
}

static void wake(struct waiter *waiter)
{
    if (waiter->coroutine && waiter->coroutine->loop == ovl__loop_here())
        deliver(&waiter->message);
    else if (untold.held)
        tell_later(waiter);
    else
        tell(waiter);
}

void ovl__park_lock_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void ovl__park_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    untold.held++;
}

void ovl__park_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    if (!--untold.held)
        tell_all();
}

bool ovl__wake_one(struct ovl__wait_list *list)
{
    for (struct ovl__link *link; (link = ovl__list_take(&list->waiters));) {
        struct ovl__wait_case *by = ovl__of(link, struct ovl__wait_case, link);
        struct waiter *waiter = by->waiter;
        if (claim(waiter, by)) {
            wake(waiter);
            return true;
        }
    }
    return false;
}

void ovl__wake_all(struct ovl__wait_list *list)
{
    while (ovl__wake_one(list))
        ;
}

/* Sleeps until somebody wakes the waiter, or something else comes, or, which is true, `until`. */
static bool sleep_on(struct waiter *waiter, ovl_time until)
{
    struct timespec time = {.tv_sec = until / OVL_SECOND, .tv_nsec = until % OVL_SECOND};
    long error = syscall(SYS_futex, &waiter->woken, FUTEX_WAIT_BITSET_PRIVATE, 0,
                         until == OVL_FOREVER ? NULL : &time, NULL, FUTEX_BITSET_MATCH_ANY);
    bool has_come = error && errno == ETIMEDOUT;
    ovl__let_handlers_run();
    return has_come;
}

/* The end of one sleep of a wait. */
static ovl_time sleep_end(ovl_time deadline)
{
#ifdef OVL__SLEEP_NS
    ovl_time end = ovl_after(OVL__SLEEP_NS);
    return end < deadline ? end : deadline;
#else
    return deadline;
#endif
}

/* 0 once woken, or OVL_ETIMEDOUT. */
static int sleep_until_woken(struct waiter *waiter, ovl_time deadline)
{
    if (deadline < 0)
        deadline = 0;
    while (!atomic_load_explicit(&waiter->woken, memory_order_acquire)) {
        ovl_time end = sleep_end(deadline);
        if (sleep_on(waiter, end) && end == deadline)
            return OVL_ETIMEDOUT;
    }
    return 0;
}

/* 0 once woken, or why the coroutine is to wait no longer. */
static int suspend_until_woken(struct waiter *waiter, ovl_time deadline, suspend_fn *suspend)
{
    const char *kind = waiter->coroutine->waiting.kind;
    waiter->suspended = true;
    int error = 0;
    while (!error && !atomic_load_explicit(&waiter->woken, memory_order_relaxed)) {
        ovl__waits_for(kind ? kind : "lock", -1);
        error = suspend(deadline);
    }
    waiter->suspended = false;
    return error;
}

static int until_woken(struct waiter *waiter, ovl_time deadline, suspend_fn *suspend)
{
    return waiter->coroutine ? suspend_until_woken(waiter, deadline, suspend)
                             : sleep_until_woken(waiter, deadline);
}

static void lock_all(struct ovl__wait_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cases[i].mutex)
            pthread_mutex_lock(cases[i].mutex);
}

static void unlock_all(struct ovl__wait_case *cases, size_t count)
{
    for (size_t i = count; i--;)
        if (cases[i].mutex)
            pthread_mutex_unlock(cases[i].mutex);
}

/* 0 once woken, or why it waits no longer; nobody touches the waiter any more. */
static int until_settled(struct waiter *waiter, ovl_time deadline, suspend_fn *suspend)
{
    int error = until_woken(waiter, deadline, suspend);
    if (!error || claim(waiter, &given_up))
        return error;
    return until_woken(waiter, OVL_FOREVER, ovl__suspend_shielded);
}

static int wait_on(struct ovl__wait_case *cases, size_t count, ovl_time deadline,
                   suspend_fn *suspend, size_t *ret_woken)
{
    struct ovl__context *self = ovl__current;
    struct waiter waiter = {
        .coroutine = self ? self->coroutine : NULL,
        .message = {.handle = deliver},
    };
    ovl_time began = self && self->meter ? ovl_now() : 0;
    for (size_t i = 0; i < count; i++) {
        cases[i].waiter = &waiter;
        ovl__list_append(&cases[i].list->waiters, &cases[i].link);
    }
    unlock_all(cases, count);
    unsigned held = untold.held;
    untold.held = 0;
    tell_all();
    if (self && self->waits)
        self->waits->tell(self->waits, true);
    int error = until_settled(&waiter, deadline, suspend);
    if (self && self->waits)
        self->waits->tell(self->waits, false);
    lock_all(cases, count);
    untold.held = held;
    for (size_t i = 0; i < count; i++)
        ovl__list_remove(&cases[i].link);
    if (!error)
        *ret_woken = (size_t)(atomic_load(&waiter.claimed) - cases);
    if (began && self->coroutine)
        ovl__meter_wait(self->meter, OVL_WAIT_LOCK, began);
    else if (began)
        ovl__meter_call(self->meter, OVL_WAIT_LOCK, began);
    return error;
}

int ovl__wait(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline)
{
    size_t woken;
    struct ovl__wait_case only = {.list = list, .mutex = mutex};
    return wait_on(&only, 1, deadline, ovl__suspend_shielded, &woken);
}

int ovl__wait_or_cancel(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline)
{
    size_t woken;
    struct ovl__wait_case only = {.list = list, .mutex = mutex};
    return wait_on(&only, 1, deadline, ovl__suspend, &woken);
}

int ovl__wait_any(struct ovl__wait_case *cases, size_t count, ovl_time deadline, size_t *ret_woken)
{
    return wait_on(cases, count, deadline, ovl__suspend, ret_woken);
}
