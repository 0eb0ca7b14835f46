#include "hooks/retry.h"

#include "hooks/hooks.h"
#include "loop/interrupt.h"
#include "loop/loop.h"

#define PAUSE_MIN (50 * OVL_MICROSECOND)
#define PAUSE_MAX (5 * OVL_MILLISECOND)

static bool is_to_wait(const struct ovl__retry *retry, long result)
{
    return result < 0 && (errno == retry->later[0] || errno == retry->later[1]);
}

/* 0 after the pause; OVL_ETIMEDOUT: there is no more time; OVL_ECANCELED; -EINTR. */
static int pause_for(const struct ovl__retry *retry, ovl_time length)
{
    ovl_time end = ovl_after(length);
    if (ovl_now() >= retry->deadline)
        return OVL_ETIMEDOUT;
    ovl__waits_for(retry->waits, -1);
    int error = ovl__suspend(end < retry->deadline ? end : retry->deadline);
    return error == OVL_ETIMEDOUT ? 0 : error;
}

static long try_again(const struct ovl__retry *retry, long result, int *ret_error)
{
    struct ovl__interruptible interruptible;
    ovl__interruptible_begin(&interruptible, retry->by_all);
    ovl_time length = PAUSE_MIN;
    int error = 0;
    while (!error && is_to_wait(retry, result)) {
        int refusal = errno;
        error = pause_for(retry, length);
        if (!error)
            result = retry->try(retry->call);
        else
            errno = refusal;
        length = length * 2 < PAUSE_MAX ? length * 2 : PAUSE_MAX;
    }
    ovl__interruptible_end(&interruptible);
    *ret_error = error == OVL_ETIMEDOUT ? 0 : error;
    return result;
}

long ovl__retry(const struct ovl__retry *retry)
{
    int before = errno;
    int error;
    long result = retry->try(retry->call);
    if (!is_to_wait(retry, result))
        return result;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    result = try_again(retry, result, &error);
    int refusal = errno == EINVAL && retry->may_vanish ? EIDRM : errno;
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    errno = result < 0 ? refusal : before;
    return error ? ovl__fail(error) : result;
}
