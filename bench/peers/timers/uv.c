/* libuv: N timers of up to a second each. Prints the CPU time, and the latest. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

static uint64_t latest;
static uint64_t dice = 88172645463325252u;

struct timer {
    uv_timer_t timer;
    uint64_t at;
};

static void on_time(uv_timer_t *handle)
{
    uint64_t late = uv_hrtime() - ((struct timer *)handle)->at;
    if ((int64_t)late > (int64_t)latest)
        latest = late;
}

int main(int argc, char *argv[])
{
    long count = argc > 1 ? atol(argv[1]) : 100000;
    struct timer *timers = calloc((size_t)count, sizeof *timers);
    uv_loop_t *loop = uv_default_loop();
    uv_update_time(loop);
    uint64_t begin = uv_hrtime() / 1000000 + 1000; /* all have begun by then */
    for (long i = 0; i < count; i++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        uint64_t at = begin + dice % 1000;
        timers[i].at = at * 1000000;
        uv_timer_init(loop, &timers[i].timer);
        uv_timer_start(&timers[i].timer, on_time, at - uv_now(loop), 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("latest %.6f seconds\n", (double)latest / 1e9);
    printf("Duration %.9f seconds\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    return 0;
}
