/*
 * Locks for reading and writing, things done once, and barriers. The first are tried again and
 * again, with growing pauses: their words are libc's own affair.
 */
#include "hooks/locks.h"

#include "hooks/owner.h"
#include "loop/futex.h"

#include <stdint.h>

OVL__HOOK_FILE(rwlock);

typedef int try_fn(pthread_rwlock_t *lock);

static int try_read(pthread_rwlock_t *lock)
{
    return ovl__sys.pthread_rwlock_tryrdlock(lock);
}

/* libc takes a writer for its thread; which coroutine it is, is noted. */
static int try_write(pthread_rwlock_t *lock)
{
    int error = ovl__sys.pthread_rwlock_trywrlock(lock);
    if (!error)
        ovl__owner_note(lock);
    return error;
}

static int try_until(pthread_rwlock_t *lock, try_fn *try, ovl_time deadline)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = EBUSY;
    for (unsigned tries = 0; error == EBUSY; tries++)
        error = ovl__pause(tries, deadline) ? ETIMEDOUT : try(lock);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    return error;
}

static int yielding_lock(pthread_rwlock_t *lock, try_fn *try, clockid_t clock,
                         const struct timespec *time)
{
    int error = try(lock);
    if (error != EBUSY)
        return error;
    if (ovl__owner_of(lock) == ovl__current->coroutine)
        return EDEADLK;
    ovl_time deadline = OVL_FOREVER;
    if (time && !ovl__deadline_at(clock, time, &deadline))
        return EINVAL;
    int before = errno;
    error = try_until(lock, try, deadline);
    errno = before;
    return error;
}

/* `real` is the call that a plain thread makes. */
#define LOCK(lock, try, clock, time, real)                                                         \
    do {                                                                                           \
        if (!ovl__in_task())                                                                       \
            return real;                                                                           \
        if (!ovl__current->coroutine)                                                              \
            return OVL__METERED(int, -1, OVL_WAIT_LOCK, real);                                     \
        return yielding_lock((lock), (try), (clock), (time));                                      \
    } while (0)

OVL__HOOK int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    LOCK(lock, try_read, CLOCK_MONOTONIC, NULL, ovl__sys.pthread_rwlock_rdlock(lock));
}

OVL__HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, try_read, CLOCK_REALTIME, time, ovl__sys.pthread_rwlock_timedrdlock(lock, time));
}

OVL__HOOK int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, try_read, clock, time, ovl__sys.pthread_rwlock_clockrdlock(lock, clock, time));
}

OVL__HOOK int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    LOCK(lock, try_write, CLOCK_MONOTONIC, NULL, ovl__sys.pthread_rwlock_wrlock(lock));
}

OVL__HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, try_write, CLOCK_REALTIME, time, ovl__sys.pthread_rwlock_timedwrlock(lock, time));
}

OVL__HOOK int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, try_write, clock, time, ovl__sys.pthread_rwlock_clockwrlock(lock, clock, time));
}

OVL__HOOK int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    if (!ovl__in_coroutine())
        return ovl__sys.pthread_rwlock_trywrlock(lock);
    return try_write(lock);
}

OVL__HOOK int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    if (ovl__in_coroutine() && ovl__owner_of(lock) == ovl__current->coroutine)
        ovl__owner_forget(lock);
    return ovl__sys.pthread_rwlock_unlock(lock);
}

/* --- once --- */

/* The states of a control word: part of libc's binary interface. */
#define UNDER_WAY 1
#define DONE      2

/* How long to wait for one whom the notes do not know: it may be gone, in a child of fork. */
#define STRANGER_NS (100 * OVL_MILLISECOND)

/*
 * A coroutine that does it may give way in the middle of it: another one of its loop, in libc's own
 * wait for it, would stop the loop, and with it the first.
 */
static void wait_while_under_way(pthread_once_t *control)
{
    ovl_time deadline = ovl__owner_of(control) ? OVL_FOREVER : ovl_after(STRANGER_NS);
    for (int error = 0; !error;) {
        int state = __atomic_load_n(control, __ATOMIC_ACQUIRE);
        if (state & DONE || !(state & UNDER_WAY))
            return;
        struct ovl__futex futex = {.word = (uint32_t *)control, .value = (uint32_t)state};
        error = ovl__futex_wait(&futex, deadline);
    }
}

OVL__HOOK int pthread_once(pthread_once_t *control, void (*fn)(void))
{
    if (!ovl__in_coroutine() || __atomic_load_n(control, __ATOMIC_ACQUIRE) & DONE)
        return ovl__sys.pthread_once(control, fn);
    int before = errno;
    wait_while_under_way(control);
    errno = before;
    ovl__owner_note(control);
    int error = ovl__sys.pthread_once(control, fn);
    ovl__owner_forget(control);
    return error;
}

/* --- barriers --- */

struct barrier_call {
    pthread_barrier_t *barrier;
    int result;
};

static void call_barrier(void *argument)
{
    struct barrier_call *call = argument;
    call->result = ovl__sys.pthread_barrier_wait(call->barrier);
}

OVL__HOOK int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_barrier_wait(barrier);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_barrier_wait(barrier));
    struct barrier_call call = {.barrier = barrier};
    ovl__hook_call_in_thread(call_barrier, &call, OVL_WAIT_LOCK);
    return call.result;
}
