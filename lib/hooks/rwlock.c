/*
 * Locks for reading and writing. Their words are libc's own affair: a coroutine waits for one by
 * its address, and tries again whenever it was unlocked.
 */
#include "hooks/locks.h"

#include "hooks/lot.h"
#include "hooks/owner.h"
#include "loop/loop.h"

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

/* One more try, and where that fails a wait until another is worth it. EBUSY; ETIMEDOUT. */
static int try_or_wait(pthread_rwlock_t *lock, try_fn *try, ovl_time deadline)
{
    ovl_time end = deadline;
    ovl_time glance = ovl_after(OVL__GLANCE_NS);
    if (lock->__data.__shared && glance < end)
        end = glance;
    struct ovl__lot_wait wait;
    ovl__lot_begin(&wait, lock);
    int error = try(lock);
    if (error == EBUSY) {
        ovl__waits_for("rwlock", -1);
        if (ovl__lot_wait(&wait, end, false) && end == deadline)
            error = ETIMEDOUT;
    }
    ovl__lot_end(&wait);
    return error;
}

static int try_until(pthread_rwlock_t *lock, try_fn *try, ovl_time deadline)
{
    struct ovl__lock_wait wait;
    if (!ovl__lock_wait_begin(&wait, lock))
        return EDEADLK;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = EBUSY;
    while (error == EBUSY)
        error = try_or_wait(lock, try, deadline);
    ovl__lock_wait_end(&wait);
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
    int error = ovl__sys.pthread_rwlock_unlock(lock);
    if (ovl__lot_anybody())
        ovl__lot_wake(lock, true);
    return error;
}
