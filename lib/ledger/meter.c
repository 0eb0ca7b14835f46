#include "ledger/meter.h"

#include "base/clock.h"

#include <string.h>
#include <sys/resource.h>
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
    ovl_time until; /* the end of the last segment */
    long gave;      /* how often the thread had given its processor away, because it waited */
    long lost;      /* and how often it had lost it to others */
    bool called;    /* in this segment, for long: these were asked after the call */
    bool was_long;  /* so was the last segment, or its call, and these were asked at its end */
    bool asked;     /* and when this segment began: what is more since is this segment's */
} known;

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

/* How a thread came to be without its processor since that was last asked. */
struct switches {
    unsigned gave;
    unsigned lost;
};

static struct switches read_switches(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage))
        return (struct switches){0};
    struct switches since = {
        .gave = (unsigned)(usage.ru_nvcsw - known.gave),
        .lost = (unsigned)(usage.ru_nivcsw - known.lost),
    };
    known.gave = usage.ru_nvcsw;
    known.lost = usage.ru_nivcsw;
    return since;
}

/* What the thread did since the last segment belongs to nobody; it is little, if that is not long
 * ago. */
static void segment_begin(ovl_time now)
{
    if (now - known.until < LONG_NS) {
        known.asked = known.was_long;
        if (known.was_long)
            read_switches(); /* between the two it may have waited for a lock of ours */
        return;
    }
    known.asked = true;
    known.cpu = thread_cpu();
    known.accounted = 0;
    read_switches();
}

static ovl_time clamp(ovl_time value, ovl_time most)
{
    return value < 0 || most < 0 ? 0 : value > most ? most : value;
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

/*
 * A stretch of time that was not all computing: without its processor the thread has waited where
 * no hook saw it, or, where it never gave it away, has lost it to others. Where it is not known
 * whose the switches are, it is taken to have lost it.
 */
static void add_rest(struct ovl__meter *meter, ovl_time rest, struct switches switches)
{
    ovl__trail_add(&meter->trail, switches.gave && known.asked ? OVL_UNSEEN : OVL_READY, rest);
    meter->record.switches += switches.gave + switches.lost;
}

static void end_long_run(struct ovl__meter *meter, ovl_time length)
{
    ovl_time cpu = read_cpu(length);
    meter->record.cpu_ns += cpu;
    ovl__trail_add(&meter->trail, OVL_COMPUTING, cpu);
    add_rest(meter, length - cpu, read_switches());
}

/* The end of a segment in which the task had its thread. */
static void end_run(struct ovl__meter *meter, ovl_time now)
{
    ovl_time length = now - meter->resumed;
    known.until = now;
    if (meter->away) {
        ovl__trail_add(&meter->trail, OVL_READY, meter->away);
        meter->away = 0;
    }
    known.was_long = length >= LONG_NS || known.called;
    known.called = false;
    if (length >= LONG_NS) {
        end_long_run(meter, length);
        return;
    }
    known.accounted += length;
    meter->record.cpu_ns += length;
    ovl__trail_add(&meter->trail, OVL_COMPUTING, length);
}

static void add_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time length)
{
    if (meter->held && wait != OVL_WAIT_LOCK)
        ovl__trail_add_held(&meter->trail, (int)wait, length, meter->held);
    else
        ovl__trail_add(&meter->trail, (int)wait, length);
}

void ovl__meter_start(struct ovl__meter *meter)
{
    struct ovl_record *record = &meter->record;
    record->start = ovl__stamp();
    record->cpu_ns = 0;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        record->wait_ns[i] = 0;
    record->bytes_in = 0;
    record->bytes_out = 0;
    record->switches = 0;
    record->stalls = 0;
    meter->trail.count = 0;
    for (int i = 0; i < OVL__LOCKS_MAX; i++)
        meter->trail.locks[i] = 0;
    meter->away = 0;
    meter->held = 0;
    meter->again = 0;
    meter->resumed = record->start;
    segment_begin(record->start);
}

void ovl__meter_stop(struct ovl__meter *meter)
{
    meter->record.end = ovl__stamp();
    end_run(meter, meter->record.end);
}

void ovl__meter_pause(struct ovl__meter *meter)
{
    meter->paused = ovl__stamp();
    end_run(meter, meter->paused);
    meter->record.switches++;
}

void ovl__meter_resume(struct ovl__meter *meter)
{
    meter->resumed = ovl__stamp();
    meter->away += meter->resumed - meter->paused;
    segment_begin(meter->resumed);
}

void ovl__meter_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began)
{
    meter->record.wait_ns[wait] += clamp(ovl__stamp() - began, OVL_FOREVER);
    add_wait(meter, wait, meter->away);
    meter->away = 0;
}

bool ovl__meter_is_long(ovl_time began)
{
    return ovl__stamp() - began >= CALL_NS;
}

/*
 * Of the switches until after a call that waited: one may well be the call's. Where there are more,
 * or the thread never lost its processor, it was without it before the call because it waited.
 */
static struct switches before_call(struct switches all)
{
    if (all.gave > 1 || (all.gave && !all.lost))
        return all;
    return (struct switches){.lost = all.gave + all.lost};
}

/* The clock is read once, after the call: what was spent beyond the length that ran before it is
 * the call's. */
void ovl__meter_call(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began)
{
    ovl_time now = ovl__stamp();
    ovl_time ran = clamp(began - meter->resumed, OVL_FOREVER);
    ovl_time called = now - began;
    if (called < CALL_NS)
        return;
    ovl_time spent = read_cpu(ran + called);
    struct switches switches = read_switches();
    ovl_time before = clamp(spent, ran);
    ovl_time wait_ns = called - (spent - before);
    meter->record.cpu_ns += spent;
    meter->record.wait_ns[wait] += wait_ns;
    ovl__trail_add(&meter->trail, OVL_COMPUTING, before);
    add_rest(meter, ran - before, before_call(switches));
    add_wait(meter, wait, wait_ns);
    ovl__trail_add(&meter->trail, OVL_COMPUTING, spent - before);
    known.asked = true;
    known.called = true;
    meter->resumed = now;
    known.until = now;
}

void ovl__meter_copy(struct ovl__meter *to, const struct ovl__meter *from)
{
    struct ovl_record *record = &to->record;
    size_t task = record->task;
    unsigned worker = record->worker;
    ovl_time submitted = record->submitted;
    int error = record->error;
    *record = from->record;
    record->task = task;
    record->worker = worker;
    record->submitted = submitted;
    record->error = error;
    memcpy(to->trail.locks, from->trail.locks, sizeof to->trail.locks);
    to->trail.count = from->trail.count < OVL_SEGMENTS_MAX ? from->trail.count : OVL_SEGMENTS_MAX;
    memcpy(to->trail.segments, from->trail.segments, to->trail.count * sizeof(uint64_t));
}
