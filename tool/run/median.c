#include "run/median.h"

/* A power of two has so many steps. */
#define STEPS 16

static unsigned step_of(uint64_t value)
{
    if (value < STEPS)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned part = (unsigned)(value >> (power - 4)) & (STEPS - 1);
    return (power - 3) * STEPS + part;
}

/* The middle of a step. */
static ovl_time time_of(unsigned step)
{
    if (step < STEPS)
        return step;
    unsigned power = step / STEPS + 3;
    uint64_t least = (uint64_t)(STEPS + step % STEPS) << (power - 4);
    return (ovl_time)(least + ((uint64_t)1 << (power - 4)) / 2);
}

void median_add(struct median *median, ovl_time time_ns)
{
    median->counts[step_of(time_ns > 0 ? (uint64_t)time_ns : 0)]++;
    median->total++;
}

ovl_time median_of(const struct median *median)
{
    uint64_t half = (median->total + 1) / 2;
    uint64_t passed = 0;
    for (unsigned step = 0; half && step < MEDIAN_STEPS; step++) {
        passed += median->counts[step];
        if (passed >= half)
            return time_of(step);
    }
    return 0;
}
