/*
 * Condition variables. A coroutine that waits for one stands in a list of ours, under the
 * variable's address; a signal, from whatever thread, looks there first where anybody does at all.
 * libc's own waiters and ours never mix: a signal wakes one or the other, a broadcast all.
 *
 * The signals of other processes do not come by: for a variable that they share a thread of the
 * coroutine's own waits, as one of libc's waiters. Where no thread is to be had, the coroutine
 * looks again every few milliseconds, as a wait may end without reason.
 */
#include "hooks/locks.h"

#include "hooks/lot.h"
#include "loop/apart.h"
#include "loop/loop.h"
#include "loop/scope.h"

OVL__HOOK_FILE(cond);

/* Code that waits in a circle whatever the call returns must not turn it without a pause. */
#define CANCELLED_NS (10 * OVL_MILLISECOND)

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

/* 0; OVL_ETIMEDOUT; OVL_ECANCELED. */
static int wait_once(struct ovl__lot_wait *wait, const pthread_cond_t *cond, ovl_time deadline)
{
    ovl_time end = deadline;
    bool cancelled = ovl__scope_reason(ovl__current->coroutine->scope) != 0;
    ovl_time glance = ovl_after(cancelled ? CANCELLED_NS : OVL__GLANCE_NS);
    if ((cancelled || is_shared(cond)) && glance < end)
        end = glance;
    ovl__waits_for("condition variable", -1);
    int error = ovl__lot_wait(wait, end, !cancelled);
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

/* A wait, and until when as libc is told it. */
struct wait {
    pthread_cond_t *cond;
    pthread_mutex_t *mutex;
    clockid_t clock;
    const struct timespec *time; /* NULL: for ever */
    ovl_time deadline;
};

/* Error numbers, as all of the following. */
static int wait_in_lot(const struct wait *want)
{
    struct ovl__lot_wait wait;
    ovl__lot_begin(&wait, want->cond);
    int refused = ovl__mutex_unlock(want->mutex);
    int error = refused ? 0 : wait_once(&wait, want->cond, want->deadline);
    ovl__lot_end(&wait);
    if (refused)
        return refused;
    int relocked = ovl__mutex_lock(want->mutex, CLOCK_MONOTONIC, NULL);
    return relocked ? relocked : error_number(error);
}

/*
 * A thread that waits in the coroutine's place, with a mutex of its own, which libc leaves when it
 * has taken the thread for a waiter: from then on no signal is missed.
 */
struct stand_in {
    struct ovl__apart call;
    const struct wait *wait;
    pthread_mutex_t door;
    int error;
};

OVL__BREAKABLE static void stand_in(void *argument)
{
    struct stand_in *self = argument;
    const struct wait *wait = self->wait;
    ovl__sys.pthread_mutex_lock(&self->door);
    ovl__apart_say(&self->call);
    self->error = wait->time ? ovl__sys.pthread_cond_clockwait(wait->cond, &self->door, wait->clock,
                                                               wait->time)
                             : ovl__sys.pthread_cond_wait(wait->cond, &self->door);
    ovl__sys.pthread_mutex_unlock(&self->door);
}

static int wait_in_thread(struct stand_in *self)
{
    pthread_mutex_t *mutex = self->wait->mutex;
    ovl__apart_hear(&self->call);
    ovl__mutex_lock(&self->door, CLOCK_MONOTONIC, NULL);
    ovl__mutex_unlock(&self->door);
    int refused = ovl__mutex_unlock(mutex);
    if (refused) {
        ovl__apart_break(&self->call);
        return refused;
    }
    int error = ovl__apart_end(&self->call, true);
    int relocked = ovl__mutex_lock(mutex, CLOCK_MONOTONIC, NULL);
    if (relocked)
        return relocked;
    return error ? error_number(error) : self->error;
}

static int yielding_wait(const struct wait *wait)
{
    bool cancelled = ovl__scope_reason(ovl__current->coroutine->scope) != 0;
    struct stand_in self = {.wait = wait, .door = PTHREAD_MUTEX_INITIALIZER};
    if (!is_shared(wait->cond) || cancelled || ovl__apart_begin(&self.call, stand_in, &self))
        return wait_in_lot(wait);
    return wait_in_thread(&self);
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                      const struct timespec *time)
{
    struct wait wait = {.cond = cond, .mutex = mutex, .clock = clock, .time = time};
    wait.deadline = OVL_FOREVER;
    if (time && !ovl__deadline_at(clock, time, &wait.deadline))
        return EINVAL;
    int before = errno;
    int error = yielding_wait(&wait);
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

/* Who waits has counted itself with the mutex held that guards what it waits for. */
OVL__HOOK int pthread_cond_signal(pthread_cond_t *cond)
{
    if (ovl__lot_anybody() && ovl__lot_wake(cond, false))
        return 0;
    return ovl__sys.pthread_cond_signal(cond);
}

OVL__HOOK int pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (ovl__lot_anybody())
        ovl__lot_wake(cond, true);
    return ovl__sys.pthread_cond_broadcast(cond);
}
