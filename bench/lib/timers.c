/*
 * overlap: N timers of up to a second each (start N), or as many coroutines that sleep (sleep N).
 * Prints the CPU time, and by how much the latest was late.
 */
#include <overlap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static ovl_time latest;
static uint64_t dice = 88172645463325252u;
static ovl_time begin;

static ovl_time random_time(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return begin + (ovl_time)(dice % 1000) * OVL_MILLISECOND;
}

static void note(ovl_time at)
{
    ovl_time late = ovl_now() - at;
    if (late > latest)
        latest = late;
}

static int sleep_once(void *argument)
{
    (void)argument;
    ovl_time at = random_time();
    int error = ovl_sleep(at);
    note(at);
    return error;
}

static int sleep_all(void *argument)
{
    struct ovl_group *group;
    if (ovl_group_open(OVL_FOREVER, &group))
        return 3;
    begin = ovl_after(OVL_SECOND); /* all have begun by then */
    for (long i = 0; i < *(long *)argument; i++) {
        if (ovl_group_go(group, sleep_once, NULL))
            return 3;
        if (i % 64 == 63)
            ovl_yield();
    }
    return ovl_group_close(group);
}

static int be_due(void *argument)
{
    note(*(ovl_time *)argument);
    return 0;
}

static int start_all(void *argument)
{
    long count = *(long *)argument;
    ovl_time *times = calloc((size_t)count, sizeof *times);
    begin = ovl_after(OVL_SECOND); /* all have begun by then */
    for (long i = 0; i < count; i++) {
        times[i] = random_time();
        if (ovl_go_at(times[i], be_due, &times[i], NULL))
            return 3;
    }
    return ovl_sleep(begin + OVL_SECOND);
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    long count = atol(argv[2]);
    int error = ovl_run(!strcmp(argv[1], "sleep") ? sleep_all : start_all, &count, NULL);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("latest %.6f seconds\n", (double)latest / 1e9);
    printf("Duration %.9f seconds\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    return error;
}
