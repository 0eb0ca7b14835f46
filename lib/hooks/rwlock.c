/*
 * Locks for reading and writing. Their words are libc's own affair: a coroutine waits for one by
 * its address, and tries again whenever it was unlocked. What other processes unlock does not come
 * by: for locks that they share a thread of the coroutine's own waits, and hands the lock over. Who
 * reads libc only counts; who writes it knows by a number in a public header.
 */
#include "hooks/locks.h"

#include "hooks/lot.h"
#include "hooks/owner.h"
#include "loop/loop.h"

OVL__HOOK_FILE(rwlock);

/* ThreadSanitizer would report that another thread unlocks than the one that locked. */
#ifdef OVL__TSAN
#define HANDS_OVER false
#else
#define HANDS_OVER true
#endif

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

/* One lock that is wanted, and how. */
struct want {
    pthread_rwlock_t *lock;
    bool writes;
    clockid_t clock;
    const struct timespec *time; /* NULL: for ever */
    pid_t thread;                /* of the coroutine */
    int error;
};

/* One more try, and where that fails a wait until another is worth it. EBUSY; ETIMEDOUT. */
static int try_or_wait(const struct want *want, ovl_time deadline)
{
    ovl_time end = deadline;
    ovl_time glance = ovl_after(OVL__GLANCE_NS);
    if (want->lock->__data.__shared && glance < end)
        end = glance;
    struct ovl__lot_wait wait;
    ovl__lot_begin(&wait, want->lock);
    int error = want->writes ? try_write(want->lock) : try_read(want->lock);
    if (error == EBUSY) {
        ovl__waits_for("rwlock", -1);
        if (ovl__lot_wait(&wait, end, false) && end == deadline)
            error = ETIMEDOUT;
    }
    ovl__lot_end(&wait);
    return error;
}

static int try_until(const struct want *want)
{
    ovl_time deadline = OVL_FOREVER;
    if (want->time && !ovl__deadline_at(want->clock, want->time, &deadline))
        return EINVAL;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = EBUSY;
    while (error == EBUSY)
        error = try_or_wait(want, deadline);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    return error;
}

static int lock_for_reading(const struct want *want)
{
    return want->time ? ovl__sys.pthread_rwlock_clockrdlock(want->lock, want->clock, want->time)
                      : ovl__sys.pthread_rwlock_rdlock(want->lock);
}

static int lock_for_writing(const struct want *want)
{
    int error = want->time
                    ? ovl__sys.pthread_rwlock_clockwrlock(want->lock, want->clock, want->time)
                    : ovl__sys.pthread_rwlock_wrlock(want->lock);
    if (!error)
        __atomic_store_n(&want->lock->__data.__cur_writer, want->thread, __ATOMIC_RELAXED);
    return error;
}

static void lock_apart(void *argument)
{
    struct want *want = argument;
    want->error = want->writes ? lock_for_writing(want) : lock_for_reading(want);
}

/* The other processes' waiters and this one are libc's alike. */
static int lock_shared(struct want *want)
{
    want->thread = ovl__owner_thread();
    if (ovl__hook_call_apart(lock_apart, want, OVL_WAIT_LOCK, OVL__BY_NOTHING))
        return try_until(want);
    if (!want->error && want->writes)
        ovl__owner_note(want->lock);
    return want->error;
}

static int yielding_lock(struct want want)
{
    int error = want.writes ? try_write(want.lock) : try_read(want.lock);
    if (error != EBUSY)
        return error;
    if (ovl__owner_of(want.lock) == ovl__current->coroutine)
        return EDEADLK;
    struct ovl__lock_wait wait;
    if (!ovl__lock_wait_begin(&wait, want.lock))
        return EDEADLK;
    int before = errno;
    error = HANDS_OVER && want.lock->__data.__shared ? lock_shared(&want) : try_until(&want);
    errno = before;
    ovl__lock_wait_end(&wait);
    return error;
}

/* `real` is the call that a plain thread makes. */
#define LOCK(rwlock, write, clock_id, end, real)                                                   \
    do {                                                                                           \
        if (!ovl__in_task())                                                                       \
            return real;                                                                           \
        if (!ovl__current->coroutine)                                                              \
            return OVL__METERED(int, -1, OVL_WAIT_LOCK, real);                                     \
        return yielding_lock((struct want){                                                        \
            .lock = (rwlock), .writes = (write), .clock = (clock_id), .time = (end)});             \
    } while (0)

OVL__HOOK int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    LOCK(lock, false, CLOCK_MONOTONIC, NULL, ovl__sys.pthread_rwlock_rdlock(lock));
}

OVL__HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, false, CLOCK_REALTIME, time, ovl__sys.pthread_rwlock_timedrdlock(lock, time));
}

OVL__HOOK int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, false, clock, time, ovl__sys.pthread_rwlock_clockrdlock(lock, clock, time));
}

OVL__HOOK int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    LOCK(lock, true, CLOCK_MONOTONIC, NULL, ovl__sys.pthread_rwlock_wrlock(lock));
}

OVL__HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, true, CLOCK_REALTIME, time, ovl__sys.pthread_rwlock_timedwrlock(lock, time));
}

OVL__HOOK int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                         const struct timespec *restrict time)
{
    LOCK(lock, true, clock, time, ovl__sys.pthread_rwlock_clockwrlock(lock, clock, time));
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
