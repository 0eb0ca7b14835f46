#include "ledger/meter.h"

#include <time.h>

/* From this length on the CPU clock is read: a thread that loses its processor loses it for longer.
 */
#define LONG_NS (50 * OVL_MICROSECOND)

/* A call that takes less has hardly waited. */
#define CALL_NS (10 * OVL_MICROSECOND)

/* The thread's CPU clock, as of when it was last read, and what was accounted for since. */
static _Thread_local struct {
    ovl_time cpu;
    ovl_time accounted;
    ovl_time until; /* the end of the last segment, as ovl_now() */
} known;

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

/* What the thread did since the last segment belongs to nobody; it is little, if that is not long
 * ago. */
static void segment_begin(ovl_time now)
{
    if (now - known.until < LONG_NS)
        return;
    known.cpu = thread_cpu();
    known.accounted = 0;
}

static ovl_time clamp(ovl_time value, ovl_time most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* The CPU time that is not accounted for yet. */
static ovl_time read_cpu(ovl_time most)
{
    ovl_time cpu = thread_cpu();
    ovl_time spent = clamp(cpu - known.cpu - known.accounted, most);
    known.cpu = cpu;
    known.accounted = 0;
    return spent;
}

/* Returns the CPU time of the segment. */
static ovl_time segment_end(ovl_time began, ovl_time now)
{
    ovl_time length = now - began;
    known.until = now;
    if (length >= LONG_NS)
        return read_cpu(length);
    known.accounted += length;
    return length;
}

void ovl__meter_start(struct ovl__meter *meter)
{
    struct ovl_record *record = &meter->record;
    record->start = ovl_now();
    record->cpu_ns = 0;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        record->wait_ns[i] = 0;
    meter->resumed = record->start;
    segment_begin(record->start);
}

void ovl__meter_stop(struct ovl__meter *meter)
{
    meter->record.end = ovl_now();
    meter->record.cpu_ns += segment_end(meter->resumed, meter->record.end);
}

void ovl__meter_pause(struct ovl__meter *meter)
{
    meter->record.cpu_ns += segment_end(meter->resumed, ovl_now());
}

void ovl__meter_resume(struct ovl__meter *meter)
{
    meter->resumed = ovl_now();
    segment_begin(meter->resumed);
}

void ovl__meter_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began)
{
    meter->record.wait_ns[wait] += ovl_now() - began;
}

bool ovl__meter_is_long(ovl_time began)
{
    return ovl_now() - began >= CALL_NS;
}

/* The clock is read once, after the call: what was spent beyond the length that ran before it is
 * the call's. */
void ovl__meter_call(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began)
{
    ovl_time now = ovl_now();
    ovl_time ran = began - meter->resumed;
    ovl_time called = now - began;
    if (called < CALL_NS)
        return;
    ovl_time spent = read_cpu(ran + called);
    meter->record.cpu_ns += spent;
    meter->record.wait_ns[wait] += called - clamp(spent - ran, called);
    meter->resumed = now;
    known.until = now;
}
