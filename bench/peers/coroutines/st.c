/* State Threads: yield N switches between two threads; spawn N, each joined; sleep N at once. */
#include <st.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static st_cond_t turn[2];

/* Its quickest way to hand over: st_usleep(0) goes through the queue of sleepers. */
static void *take_turns(void *argument)
{
    long count = *(long *)argument / 2;
    while (count--) {
        st_cond_signal(turn[1]);
        st_cond_wait(turn[0]);
    }
    st_cond_signal(turn[1]);
    return NULL;
}

static void *take_other_turns(void *argument)
{
    long count = *(long *)argument / 2;
    while (count--) {
        st_cond_signal(turn[0]);
        st_cond_wait(turn[1]);
    }
    st_cond_signal(turn[0]);
    return NULL;
}

static void yield(long count)
{
    turn[0] = st_cond_new();
    turn[1] = st_cond_new();
    st_thread_t one = st_thread_create(take_turns, &count, 1, 0);
    st_thread_t two = st_thread_create(take_other_turns, &count, 1, 0);
    st_thread_join(one, NULL);
    st_thread_join(two, NULL);
}

static void *nothing(void *argument)
{
    return argument;
}

static void spawn(long count)
{
    while (count--)
        st_thread_join(st_thread_create(nothing, NULL, 1, 0), NULL);
}

static void *sleep_a_while(void *argument)
{
    st_usleep(5000000);
    return argument;
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

static void sleepers(long count)
{
    long before = resident();
    for (long i = 0; i < count; i++)
        if (!st_thread_create(sleep_a_while, NULL, 0, 0))
            exit(3);
    st_usleep(1000);
    printf("%ld bytes each\n", (resident() - before) / count);
}

int main(int argc, char *argv[])
{
    if (argc != 3 || st_init())
        return 2;
    long count = atol(argv[2]);
    double begin = now();
    if (!strcmp(argv[1], "yield"))
        yield(count);
    else if (!strcmp(argv[1], "spawn"))
        spawn(count);
    else
        sleepers(count);
    printf("Duration %.9f seconds\n", now() - begin);
    fflush(stdout);
    _exit(0);
}
