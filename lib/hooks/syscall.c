/*
 * Calls of the kernel by their number. Locks that are not libc's wait for futexes so: GLib's,
 * Abseil's, Rust's, what C++'s atomics wait with. All else goes through as it is.
 */
#include "hooks/hooks.h"

#include "hooks/allocator.h"
#include "hooks/locks.h"
#include "loop/futex.h"
#include "loop/interrupt.h"
#include "loop/loop.h"

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>

OVL__HOOK_FILE(syscall);

/* A wait for a futex: the kernel's parameters, of which those that another operation has are left
 * out. */
struct futex_call {
    uint32_t *word;
    int operation;
    uint32_t value;
    const struct timespec *timeout; /* NULL: none */
};

/* For any wake; one that waits for some wakes only must leave the others to their waiters. */
static bool is_wait(int operation, uint32_t wakes)
{
    int command = operation & FUTEX_CMD_MASK;
    return command == FUTEX_WAIT ||
           (command == FUTEX_WAIT_BITSET && wakes == FUTEX_BITSET_MATCH_ANY);
}

static long real_wait(const struct futex_call *call, const struct timespec *timeout)
{
    return ovl__sys.syscall(SYS_futex, (long)call->word, call->operation, call->value,
                            (long)timeout, 0, FUTEX_BITSET_MATCH_ANY);
}

/* False: the timeout is none. Of the two commands the one has a length, the other a time. */
static bool deadline_of(const struct futex_call *call, ovl_time *ret_deadline)
{
    *ret_deadline = OVL_FOREVER;
    if (!call->timeout)
        return true;
    if ((call->operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
        return ovl__deadline_at(call->operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME
                                                                       : CLOCK_MONOTONIC,
                                call->timeout, ret_deadline);
    *ret_deadline = ovl__deadline_of(call->timeout);
    return ovl__is_time(call->timeout);
}

/*
 * Who waits for a lock does not look at what the call returns, and would go round in a cancelled
 * scope: like a mutex it is waited for to its end.
 */
static int wait_for(const struct ovl__futex *futex, ovl_time deadline)
{
    struct ovl__interruptible interruptible;
    ovl__waits_for("futex", -1);
    ovl__interruptible_begin(&interruptible, false);
    int error = ovl__futex_wait_or_cancel(futex, deadline);
    ovl__interruptible_end(&interruptible);
    return error == OVL_ECANCELED ? ovl__futex_wait(futex, deadline) : error;
}

static long yielding_wait(const struct futex_call *call)
{
    ovl_time deadline;
    int before = errno;
    if (!deadline_of(call, &deadline)) {
        errno = EINVAL;
        return -1;
    }
    static const struct timespec at_once; /* with it, what would wait fails with ETIMEDOUT */
    long result = real_wait(call, &at_once);
    if (!result || errno != ETIMEDOUT || ovl_now() >= deadline)
        return result;
    struct ovl__futex futex = {
        .word = call->word,
        .value = call->value,
        .shared = !(call->operation & FUTEX_PRIVATE_FLAG),
    };
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = wait_for(&futex, deadline);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    errno = before;
    if (error)
        errno = error == OVL_ETIMEDOUT ? ETIMEDOUT : -error;
    return error ? -1 : 0;
}

/* Out of the way of all other calls. */
__attribute__((noinline)) static long wait_in_task(const struct futex_call *call)
{
    if (ovl__current->coroutine)
        return yielding_wait(call);
    return OVL__METERED(long, -1, OVL_WAIT_LOCK, real_wait(call, call->timeout));
}

/*
 * unistd.h has it with any number of arguments. They come in the same places as six, and those that
 * were not given are nobody's business.
 */
OVL__HOOK long ovl__hook_syscall(long number, long a, long b, long c, long d, long e,
                                 long f) __asm__("syscall");

OVL__HOOK long ovl__hook_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    bool is_hooked = number == SYS_futex && is_wait((int)b, (uint32_t)f);
    if (!is_hooked || !ovl__in_task() || ovl__is_in_allocator(__builtin_return_address(0)))
        return ovl__sys.syscall(number, a, b, c, d, e, f);
    struct futex_call call = {
        .word = (uint32_t *)a,
        .operation = (int)b,
        .value = (uint32_t)c,
        .timeout = (const struct timespec *)d,
    };
    return wait_in_task(&call);
}
