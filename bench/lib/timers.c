/*
 * overlap: N timers of up to a second each (start N), or as many coroutines that sleep (sleep N).
 * They are due at a thousand moments. Prints by how much the latest of a moment was late, as the
 * median over the moments; the same of the latest of all; and the CPU time.
 */
#include <overlap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOMENTS = 1000 };

static ovl_time latest[MOMENTS];
static uint64_t dice = 88172645463325252u;
static ovl_time begin;

static ovl_time random_time(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return begin + (ovl_time)(dice % MOMENTS) * OVL_MILLISECOND;
}

static void note(ovl_time at)
{
    ovl_time late = ovl_now() - at;
    ovl_time *so_far = &latest[(at - begin) / OVL_MILLISECOND];
    if (late > *so_far)
        *so_far = late;
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

static int compare(const void *one, const void *other)
{
    ovl_time a = *(const ovl_time *)one;
    ovl_time b = *(const ovl_time *)other;
    return (a > b) - (a < b);
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    long count = atol(argv[2]);
    int error = ovl_run(!strcmp(argv[1], "sleep") ? sleep_all : start_all, &count, NULL);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    qsort(latest, MOMENTS, sizeof *latest, compare);
    printf("latest of a moment %.6f seconds\n", (double)latest[MOMENTS / 2] / 1e9);
    printf("latest of all %.6f seconds\n", (double)latest[MOMENTS - 1] / 1e9);
    printf("Duration %.9f seconds\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    return error;
}
