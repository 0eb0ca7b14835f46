/*
 * overlap: yield N switches between two coroutines; spawn N, each joined; sleep N at once; crowd N:
 * the time to make as many, until all sleep, and to end them, once they wake.
 */
#include <overlap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double seconds_since(ovl_time begin)
{
    return (double)(ovl_now() - begin) / 1e9;
}

static int take_turns(void *argument)
{
    for (long left = *(long *)argument / 2; left--;)
        ovl_yield();
    return 0;
}

static int yield(void *count)
{
    struct ovl_coroutine *one, *two;
    if (ovl_go(take_turns, count, &one) || ovl_go(take_turns, count, &two))
        return 3;
    return ovl_join(one) | ovl_join(two);
}

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int spawn(void *argument)
{
    struct ovl_coroutine *coroutine;
    for (long left = *(long *)argument; left--;)
        if (ovl_go(nothing, NULL, &coroutine) || ovl_join(coroutine))
            return 3;
    return 0;
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        exit(3);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static ovl_time wake_at;

static int sleep_a_while(void *argument)
{
    (void)argument;
    return ovl_sleep(wake_at);
}

/* They begin to run soon after they were made, while their stacks are still in the caches. */
static struct ovl_group *make_sleepers(long count)
{
    struct ovl_group *group;
    if (ovl_group_open(OVL_FOREVER, &group))
        exit(3);
    for (long i = 0; i < count; i++) {
        if (ovl_group_go(group, sleep_a_while, NULL))
            exit(3);
        if (i % 64 == 63)
            ovl_yield();
    }
    ovl_sleep(ovl_after(OVL_MILLISECOND));
    return group;
}

static int sleepers(void *argument)
{
    long count = *(long *)argument;
    wake_at = ovl_after(3600 * OVL_SECOND);
    long before = resident();
    struct ovl_group *group = make_sleepers(count);
    printf("%ld bytes each\n", (resident() - before) / count);
    ovl_group_cancel(group);
    ovl_group_close(group);
    return 0;
}

static double crowd_seconds;

/* Whether all of them slept at once: they wake after so long. */
static bool crowd_for(long count, ovl_time length)
{
    ovl_time begin = ovl_now();
    wake_at = begin + length;
    struct ovl_group *group = make_sleepers(count);
    crowd_seconds = seconds_since(begin);
    bool all = ovl_now() < wake_at;
    ovl_sleep(wake_at);
    ovl_group_close(group);
    crowd_seconds += seconds_since(wake_at);
    return all;
}

static int crowd(void *argument)
{
    for (ovl_time length = 6 * OVL_SECOND; !crowd_for(*(long *)argument, length); length *= 2)
        ;
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    long count = atol(argv[2]);
    ovl_coroutine_fn *fn = !strcmp(argv[1], "yield")   ? yield
                           : !strcmp(argv[1], "spawn") ? spawn
                           : !strcmp(argv[1], "crowd") ? crowd
                                                       : sleepers;
    ovl_time begin = ovl_now();
    int result = ovl_run(fn, &count, NULL);
    printf("Duration %.9f seconds\n", fn == crowd ? crowd_seconds : seconds_since(begin));
    return result;
}
