/*
 * Semaphores. A coroutine waits for the word that counts, as libc's own waiters do, so that a post
 * wakes it through the kernel: one from a signal handler or from another process too.
 */
#include "hooks/locks.h"

#include "loop/futex.h"
#include "loop/interrupt.h"
#include "loop/loop.h"

#include <stdint.h>

OVL__HOOK_FILE(semaphore);

/* libc's semaphore on machines of 64 bits; part of its binary interface since 2.21. */
struct libc_semaphore {
    uint64_t data; /* the count, and above it how many wait */
    int shared;    /* between processes: not 0 */
};

#define ONE_WAITER ((uint64_t)1 << 32)

_Static_assert(sizeof(struct libc_semaphore) <= sizeof(sem_t), "not the semaphore of this libc");

static struct ovl__futex futex_of(sem_t *semaphore)
{
    struct libc_semaphore *inner = (struct libc_semaphore *)(void *)semaphore;
    uint32_t *word = (uint32_t *)(void *)&inner->data;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        word++;
    return (struct ovl__futex){.word = word, .value = 0, .shared = inner->shared != 0};
}

/* Gives way until another try is worth it. */
static int wait_for_post(sem_t *semaphore, ovl_time deadline)
{
    struct libc_semaphore *inner = (struct libc_semaphore *)(void *)semaphore;
    struct ovl__futex futex = futex_of(semaphore);
    __atomic_fetch_add(&inner->data, ONE_WAITER, __ATOMIC_SEQ_CST);
    ovl__waits_for("semaphore", -1);
    int error = ovl__futex_wait_or_cancel(&futex, deadline);
    __atomic_fetch_sub(&inner->data, ONE_WAITER, __ATOMIC_SEQ_CST);
    return error;
}

static int wait_until(sem_t *semaphore, ovl_time deadline)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    struct ovl__interruptible interruptible;
    ovl__interruptible_begin(&interruptible, false);
    int error = 0;
    while (!error && ovl__sys.sem_trywait(semaphore))
        error = wait_for_post(semaphore, deadline);
    ovl__interruptible_end(&interruptible);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    return error;
}

static int yielding_wait(sem_t *semaphore, clockid_t clock, const struct timespec *time)
{
    ovl_time deadline = OVL_FOREVER;
    if (time && !ovl__deadline_at(clock, time, &deadline)) {
        errno = EINVAL;
        return -1;
    }
    int before = errno;
    int error = wait_until(semaphore, deadline);
    errno = before;
    if (error == OVL_ETIMEDOUT)
        errno = ETIMEDOUT;
    else if (error)
        ovl__fail(error);
    return error ? -1 : 0;
}

/* In a plain thread only a wait is worth the clock. */
static int metered_wait(sem_t *semaphore)
{
    int before = errno;
    if (!ovl__sys.sem_trywait(semaphore))
        return 0;
    errno = before;
    return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.sem_wait(semaphore));
}

OVL__HOOK int sem_wait(sem_t *semaphore)
{
    if (!ovl__in_task())
        return ovl__sys.sem_wait(semaphore);
    if (!ovl__current->coroutine)
        return metered_wait(semaphore);
    return yielding_wait(semaphore, CLOCK_MONOTONIC, NULL);
}

OVL__HOOK int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.sem_timedwait(semaphore, time);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.sem_timedwait(semaphore, time));
    return yielding_wait(semaphore, CLOCK_REALTIME, time);
}

OVL__HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                            const struct timespec *restrict time)
{
    bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
    if (!ovl__in_task() || !known)
        return ovl__sys.sem_clockwait(semaphore, clock, time);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.sem_clockwait(semaphore, clock, time));
    return yielding_wait(semaphore, clock, time);
}
