#include <overlap/time.h>
#include <overlap/version.h>
#include <time.h>

ovl_time ovl_now(void)
{
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
