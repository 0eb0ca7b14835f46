/* The sleep family, and giving way to others. */
#include "hooks/hooks.h"

#include "hooks/allocator.h"
#include "loop/interrupt.h"
#include "loop/loop.h"

#include <sched.h>

OVL__HOOK_FILE(sleep);

static ovl_time nanoseconds(const struct timespec *length)
{
    ovl_time ns;
    if (__builtin_mul_overflow((ovl_time)length->tv_sec, OVL_SECOND, &ns) ||
        __builtin_add_overflow(ns, (ovl_time)length->tv_nsec, &ns))
        return OVL_FOREVER;
    return ns;
}

/* 0 once `deadline` has come. */
static int yielding_sleep(ovl_time deadline)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    struct ovl__interruptible interruptible;
    ovl__interruptible_begin(&interruptible, true);
    int error = ovl__suspend(deadline);
    if (ovl__interruptible_end(&interruptible) && error != OVL_ECANCELED)
        error = -EINTR;
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_SLEEP, began);
    return error == OVL_ETIMEDOUT ? 0 : error;
}

/* What an interrupted sleep leaves over. */
static void tell_rest(struct timespec *rest, ovl_time deadline)
{
    if (!rest)
        return;
    ovl_time ns = deadline - ovl_now();
    if (ns < 0)
        ns = 0;
    *rest = (struct timespec){.tv_sec = ns / OVL_SECOND, .tv_nsec = ns % OVL_SECOND};
}

OVL__HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *length,
                              struct timespec *rest)
{
    if (!ovl__in_task())
        return ovl__sys.clock_nanosleep(clock, flags, length, rest);
    bool ours = (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME ||
                 clock == CLOCK_TAI) &&
                ovl__is_time(length);
    if (!ovl__current->coroutine || !ours)
        return OVL__METERED(int, -1, OVL_WAIT_SLEEP,
                            ovl__sys.clock_nanosleep(clock, flags, length, rest));
    ovl_time ns = nanoseconds(length);
    if (flags & TIMER_ABSTIME) {
        struct timespec now;
        clock_gettime(clock, &now);
        ns -= nanoseconds(&now);
    }
    ovl_time deadline = ovl_after(ns);
    int error = yielding_sleep(deadline);
    if (!error)
        return 0;
    if (!(flags & TIMER_ABSTIME))
        tell_rest(rest, deadline);
    int before = errno;
    ovl__fail(error);
    int number = errno;
    errno = before;
    return number;
}

OVL__HOOK int nanosleep(const struct timespec *length, struct timespec *rest)
{
    if (!ovl__in_task())
        return ovl__sys.nanosleep(length, rest);
    if (!ovl__current->coroutine || !ovl__is_time(length))
        return OVL__METERED(int, -1, OVL_WAIT_SLEEP, ovl__sys.nanosleep(length, rest));
    ovl_time deadline = ovl_after(nanoseconds(length));
    int error = yielding_sleep(deadline);
    if (!error)
        return 0;
    tell_rest(rest, deadline);
    return ovl__fail(error);
}

OVL__HOOK int usleep(useconds_t microseconds)
{
    if (!ovl__in_task())
        return ovl__sys.usleep(microseconds);
    return nanosleep(
        &(struct timespec){
            .tv_sec = microseconds / 1000000,
            .tv_nsec = microseconds % 1000000 * OVL_MICROSECOND,
        },
        NULL);
}

OVL__HOOK unsigned sleep(unsigned seconds)
{
    if (!ovl__in_task())
        return ovl__sys.sleep(seconds);
    struct timespec rest = {0};
    if (!nanosleep(&(struct timespec){.tv_sec = seconds}, &rest))
        return 0;
    return (unsigned)rest.tv_sec + (rest.tv_nsec >= OVL_SECOND / 2);
}

/* Who waits so for another of its loop would wait for ever; the other may be a thread as well. */
OVL__HOOK int sched_yield(void)
{
    if (ovl__in_coroutine() && !ovl__is_in_allocator(__builtin_return_address(0)))
        ovl__yield();
    return ovl__sys.sched_yield();
}
