#include "fetch/rate.h"

#include <overlap.h>

/* What may come at once after a pause. */
#define BURST_NS (100 * OVL_MILLISECOND)

/* How often `stop` is looked at. */
#define LOOK_NS (100 * OVL_MILLISECOND)

static ovl_time reserve(struct rate *rate, size_t bytes)
{
    ovl_time cost = (ovl_time)((double)bytes * (double)OVL_SECOND / (double)rate->bytes);
    ovl_time before = atomic_load(&rate->due);
    ovl_time due;
    do {
        ovl_time earliest = ovl_now() - BURST_NS;
        due = (before > earliest ? before : earliest) + cost;
    } while (!atomic_compare_exchange_weak(&rate->due, &before, due));
    return due;
}

static ovl_time earlier(ovl_time left, ovl_time right)
{
    return left < right ? left : right;
}

bool rate_take(struct rate *rate, size_t bytes, ovl_time deadline, const atomic_bool *stop)
{
    if (!rate->bytes)
        return true;
    ovl_time due = reserve(rate, bytes);
    ovl_time end = earlier(due, deadline);
    while (ovl_now() < end && !atomic_load(stop))
        ovl_sleep(earlier(end, ovl_after(LOOK_NS)));
    return due <= deadline || ovl_now() < deadline;
}
