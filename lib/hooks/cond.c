/*
 * Condition variables. A coroutine that waits for one stands in a list of ours, under the
 * variable's address; a signal, from whatever thread, looks there first where anybody does at all.
 * libc's own waiters and ours never mix: a signal wakes one or the other, a broadcast all.
 *
 * One that other processes may signal is looked at again every few milliseconds: their signals do
 * not come by, and a wait may end without reason.
 */
#include "hooks/locks.h"

#include "base/list.h"
#include "loop/park.h"
#include "loop/scope.h"

#include <stdatomic.h>
#include <stdint.h>

OVL__HOOK_FILE(cond);

#define BUCKETS   64
#define GLANCE_NS (5 * OVL_MILLISECOND)

/* Code that waits in a circle whatever the call returns must not turn it without a pause. */
#define CANCELLED_NS (10 * OVL_MILLISECOND)

/* One that waits, on its own stack. */
struct cond_wait {
    struct ovl__link link;
    const pthread_cond_t *cond;
    struct ovl__wait_list list;
};

struct bucket {
    pthread_mutex_t lock;
    struct ovl__link waits; /* the longest first */
};

static struct bucket buckets[BUCKETS];
static atomic_uint waiting; /* coroutines, in all of them */

static void init_buckets(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        pthread_mutex_init(&buckets[i].lock, NULL);
        ovl__list_init(&buckets[i].waits);
    }
    atomic_store(&waiting, 0);
}

/* A child of fork has none of those who waited, and threads may have held the locks. */
__attribute__((constructor)) static void prepare(void)
{
    init_buckets();
    pthread_atfork(NULL, NULL, init_buckets);
}

static struct bucket *bucket_of(const pthread_cond_t *cond)
{
    uint64_t hash = (uint64_t)(uintptr_t)cond * 0x9e3779b97f4a7c15u;
    return &buckets[hash >> 58];
}

static bool is_shared(const pthread_cond_t *cond)
{
    return __atomic_load_n(&cond->__data.__wrefs, __ATOMIC_RELAXED) & 1;
}

static clockid_t clock_of(const pthread_cond_t *cond)
{
    bool monotonic = __atomic_load_n(&cond->__data.__wrefs, __ATOMIC_RELAXED) & 2;
    return monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

/* --- waiting --- */

/* Waits in the bucket, whose lock is held. 0; OVL_ETIMEDOUT; OVL_ECANCELED. */
static int wait_in(struct bucket *bucket, struct cond_wait *wait, ovl_time deadline)
{
    ovl_time end = deadline;
    bool cancelled = ovl__scope_reason(ovl__current->coroutine->scope) != 0;
    ovl_time glance = ovl_after(cancelled ? CANCELLED_NS : GLANCE_NS);
    if ((cancelled || is_shared(wait->cond)) && glance < end)
        end = glance;
    int error;
    if (cancelled)
        error = ovl__wait(&wait->list, &bucket->lock, end);
    else
        error = ovl__wait_or_cancel(&wait->list, &bucket->lock, end);
    if (error && cancelled)
        return OVL_ECANCELED;
    return error == OVL_ETIMEDOUT && end < deadline ? 0 : error;
}

static int error_number(int error)
{
    if (!error)
        return 0;
    return error == OVL_ETIMEDOUT ? ETIMEDOUT : ECANCELED;
}

static int yielding_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, ovl_time deadline)
{
    struct bucket *bucket = bucket_of(cond);
    struct cond_wait wait = {.cond = cond};
    ovl__wait_list_init(&wait.list);
    ovl__own_pthread_mutex_lock(&bucket->lock);
    ovl__list_append(&bucket->waits, &wait.link);
    atomic_fetch_add(&waiting, 1);
    int refused = ovl__mutex_unlock(mutex);
    int error = refused ? 0 : wait_in(bucket, &wait, deadline);
    atomic_fetch_sub(&waiting, 1);
    ovl__list_remove(&wait.link);
    ovl__own_pthread_mutex_unlock(&bucket->lock);
    if (refused)
        return refused;
    int relocked = ovl__mutex_lock(mutex, CLOCK_MONOTONIC, NULL);
    return relocked ? relocked : error_number(error);
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                      const struct timespec *time)
{
    ovl_time deadline = OVL_FOREVER;
    if (time && !ovl__deadline_at(clock, time, &deadline))
        return EINVAL;
    int before = errno;
    int error = yielding_wait(cond, mutex, deadline);
    errno = before;
    return error;
}

OVL__HOOK int pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_cond_wait(cond, mutex);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_cond_wait(cond, mutex));
    return wait_until(cond, mutex, CLOCK_MONOTONIC, NULL);
}

OVL__HOOK int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                                     const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_cond_timedwait(cond, mutex, time);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.pthread_cond_timedwait(cond, mutex, time));
    return wait_until(cond, mutex, clock_of(cond), time);
}

OVL__HOOK int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                                     clockid_t clock, const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_cond_clockwait(cond, mutex, clock, time);
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.pthread_cond_clockwait(cond, mutex, clock, time));
    return wait_until(cond, mutex, clock, time);
}

/* --- waking --- */

/* Whether a coroutine was woken; with `all`, every one that waits for the variable. */
static bool wake_coroutines(const pthread_cond_t *cond, bool all)
{
    struct bucket *bucket = bucket_of(cond);
    bool woken = false;
    ovl__own_pthread_mutex_lock(&bucket->lock);
    struct ovl__link *next;
    for (struct ovl__link *link = bucket->waits.next; link != &bucket->waits; link = next) {
        next = link->next;
        struct cond_wait *wait = ovl__of(link, struct cond_wait, link);
        if (wait->cond == cond && (all || !woken))
            woken = ovl__wake_one(&wait->list) || woken;
    }
    ovl__own_pthread_mutex_unlock(&bucket->lock);
    return woken;
}

/* Who waits has counted itself with the mutex held that guards what it waits for. */
static bool anybody_waits(void)
{
    return __builtin_expect(atomic_load_explicit(&waiting, memory_order_relaxed) != 0, 0);
}

OVL__HOOK int pthread_cond_signal(pthread_cond_t *cond)
{
    if (anybody_waits() && wake_coroutines(cond, false))
        return 0;
    return ovl__sys.pthread_cond_signal(cond);
}

OVL__HOOK int pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (anybody_waits())
        wake_coroutines(cond, true);
    return ovl__sys.pthread_cond_broadcast(cond);
}
