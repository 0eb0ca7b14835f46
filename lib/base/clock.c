#include "base/clock.h"

#include <overlap/time.h>
#include <overlap/version.h>
#include <time.h>

_Thread_local const ovl_time *ovl__clock;

ovl_time ovl_now(void)
{
    if (__builtin_expect(ovl__clock != NULL, 0))
        return *ovl__clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

ovl_time ovl_after(ovl_time delay_ns)
{
    ovl_time deadline;
    if (__builtin_add_overflow(ovl_now(), delay_ns, &deadline))
        return OVL_FOREVER;
    return deadline > 0 ? deadline : 0;
}

const char *ovl_version(void)
{
    return OVL_VERSION;
}
