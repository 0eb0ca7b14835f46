#include "ledger/meter.h"

#include <time.h>

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

void ovl__meter_start(struct ovl__meter *meter, bool coroutine)
{
    meter->record.start = ovl_now();
    meter->record.cpu_ns = 0;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        meter->record.wait_ns[i] = 0;
    meter->coroutine = coroutine;
    meter->resumed = coroutine ? meter->record.start : thread_cpu();
}

void ovl__meter_stop(struct ovl__meter *meter)
{
    meter->record.end = ovl_now();
    ovl_time now = meter->coroutine ? meter->record.end : thread_cpu();
    meter->record.cpu_ns += now - meter->resumed;
}

void ovl__meter_pause(struct ovl__meter *meter, ovl_time now)
{
    if (meter->coroutine)
        meter->record.cpu_ns += now - meter->resumed;
}

void ovl__meter_resume(struct ovl__meter *meter, ovl_time now)
{
    if (meter->coroutine)
        meter->resumed = now;
}

void ovl__meter_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began)
{
    meter->record.wait_ns[wait] += ovl_now() - began;
}
