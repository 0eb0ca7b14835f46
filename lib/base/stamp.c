/*
 * Time by the processor's own counter. Once its rate is known, a thread looks at the system's clock
 * once in a while, and counts on from there: so what the two differ by never adds up.
 */
#include "base/clock.h"
#include "base/system.h"

#if defined(__x86_64__)

#include <errno.h>
#include <fcntl.h>
#include <overlap/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

/* The clock may be slewed by 500 in a million (adjtimex(2)): that is half a microsecond of this. */
#define SPAN_NS OVL_MILLISECOND

/* The rate is taken over so long: two looks that are each half of TOGETHER_NS off make 50 in a
 * million of it. */
#define CALIBRATION_NS (10 * OVL_MILLISECOND)

/* A look at both clocks that took longer was interrupted; it is off by half of it at most. */
#define TOGETHER_NS (OVL_MICROSECOND / 2)

#define LOOKS 3

/* The two clocks at one moment. */
struct look {
    uint64_t ticks;
    ovl_time now;
};

/* The rate, once it is known: nanoseconds a tick in 32 bits and 32 behind the point. */
static _Atomic uint64_t rate;
static _Atomic uint64_t span; /* SPAN_NS in ticks; 0: the rate is not known */

/* Until then: when to look next, and under the lock the first look. */
static _Atomic ovl_time due;
static pthread_mutex_t calibrating = PTHREAD_MUTEX_INITIALIZER;
static struct look first;

/* What this thread counts on from. */
static _Thread_local struct look anchor;

/* The kernel takes the counter for its own clock where it runs evenly, and alike on all processors.
 */
static bool kernel_uses_counter(void)
{
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    int errno_before = errno;
    char name[4] = "";
    int fd = ovl__sys.open(path, O_RDONLY | O_CLOEXEC, 0);
    bool same =
        fd >= 0 && ovl__sys.read(fd, name, sizeof name) == sizeof name && !memcmp(name, "tsc\n", 4);
    if (fd >= 0)
        close(fd);
    errno = errno_before;
    return same;
}

static struct look look_once(uint64_t *ret_ticks)
{
    uint64_t before = __rdtsc();
    ovl_time now = ovl_now();
    *ret_ticks = __rdtsc() - before;
    return (struct look){.ticks = before + *ret_ticks / 2, .now = now};
}

/* Of a few looks the shortest. */
static struct look look_at_both(void)
{
    uint64_t shortest;
    struct look best = look_once(&shortest);
    for (int i = 1; i < LOOKS; i++) {
        uint64_t took;
        struct look another = look_once(&took);
        if (took < shortest) {
            best = another;
            shortest = took;
        }
    }
    return best;
}

static void calibrate(void)
{
    struct look here = look_at_both();
    double passed = (double)(here.now - first.now);
    double ticks = (double)(here.ticks - first.ticks);
    atomic_store_explicit(&rate, (uint64_t)(passed / ticks * 0x1p32), memory_order_relaxed);
    atomic_store_explicit(&span, (uint64_t)(ticks / passed * SPAN_NS), memory_order_release);
}

/* What is to be done at `due`; returns when there is more to do. */
static ovl_time calibrate_more(void)
{
    if (first.now) {
        calibrate();
        return OVL_FOREVER;
    }
    if (!kernel_uses_counter())
        return OVL_FOREVER;
    first = look_at_both();
    return first.now + CALIBRATION_NS;
}

/* A child of fork in which the lock stays locked does without the counter. */
__attribute__((noinline)) static ovl_time stamp_by_clock(void)
{
    ovl_time now = ovl_now();
    if (now < atomic_load_explicit(&due, memory_order_relaxed) ||
        pthread_mutex_trylock(&calibrating))
        return now;
    if (now >= atomic_load_explicit(&due, memory_order_relaxed))
        atomic_store_explicit(&due, calibrate_more(), memory_order_relaxed);
    pthread_mutex_unlock(&calibrating);
    return now;
}

static ovl_time count_on(uint64_t ticks)
{
    uint64_t known_rate = atomic_load_explicit(&rate, memory_order_relaxed);
    return anchor.now + (ovl_time)(ticks * known_rate >> 32);
}

/* What was said before is not gone back behind. */
__attribute__((noinline)) static ovl_time anchor_anew(uint64_t known_span)
{
    uint64_t took;
    struct look here = look_once(&took);
    uint64_t since = here.ticks - anchor.ticks;
    if (since < 2 * known_span && count_on(since) > here.now)
        here.now = count_on(since);
    if (took < known_span / (SPAN_NS / TOGETHER_NS))
        anchor = here;
    return here.now;
}

ovl_time ovl__stamp(void)
{
    if (__builtin_expect(ovl__clock != NULL, 0))
        return *ovl__clock;
    uint64_t known_span = atomic_load_explicit(&span, memory_order_acquire);
    if (__builtin_expect(!known_span, 0))
        return stamp_by_clock();
    uint64_t since = __rdtsc() - anchor.ticks;
    return __builtin_expect(since < known_span, 1) ? count_on(since) : anchor_anew(known_span);
}

#else

ovl_time ovl__stamp(void)
{
    return ovl_now();
}

#endif
