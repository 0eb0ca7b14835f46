/* libuv: N timers of up to a second each. Prints what bench/lib/timers.c does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum { MOMENTS = 1000 };

static uint64_t begin; /* ms */
static uint64_t latest[MOMENTS];
static uint64_t dice = 88172645463325252u;

struct timer {
    uv_timer_t timer;
    uint64_t at;
};

static void on_time(uv_timer_t *handle)
{
    uint64_t at = ((struct timer *)handle)->at;
    uint64_t now = uv_hrtime();
    uint64_t late = now > at ? now - at : 0;
    uint64_t *so_far = &latest[at / 1000000 - begin];
    if (late > *so_far)
        *so_far = late;
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

int main(int argc, char *argv[])
{
    long count = argc > 1 ? atol(argv[1]) : 100000;
    struct timer *timers = calloc((size_t)count, sizeof *timers);
    uv_loop_t *loop = uv_default_loop();
    uv_update_time(loop);
    begin = uv_hrtime() / 1000000 + 1000; /* all have begun by then */
    for (long i = 0; i < count; i++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        uint64_t at = begin + dice % MOMENTS;
        timers[i].at = at * 1000000;
        uv_timer_init(loop, &timers[i].timer);
        uv_timer_start(&timers[i].timer, on_time, at - uv_now(loop), 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    qsort(latest, MOMENTS, sizeof *latest, compare);
    printf("latest of a moment %.6f seconds\n", (double)latest[MOMENTS / 2] / 1e9);
    printf("latest of all %.6f seconds\n", (double)latest[MOMENTS - 1] / 1e9);
    printf("Duration %.9f seconds\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    return 0;
}
