/*
 * Proves that a sanitizer's report in the midst of a coroutine comes whole, and that all go on
 * afterwards: it opens files, with locks of the sanitizer's held. The program races on purpose, and
 * ends with a line that the test waits for.
 */
#include <overlap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static int contested;
static atomic_bool written; /* relaxed: the two writes are unordered for all that is promised */

static void *write_in_thread(void *unused)
{
    contested++;
    atomic_store_explicit(&written, true, memory_order_relaxed);
    return unused;
}

/* Keeps the loop busy meanwhile, and comes into the sanitizer at every turn. */
static int look_on(void *argument)
{
    atomic_bool *stop = argument;
    while (!atomic_load(stop)) {
        int error = ovl_sleep(ovl_after(100 * OVL_MICROSECOND));
        if (error)
            return error;
    }
    return 0;
}

static int race(void *argument)
{
    (void)argument;
    atomic_bool stop = false;
    struct ovl_coroutine *others[8];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ovl_go(look_on, &stop, &others[i]))
            return 1;
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_in_thread, NULL))
        return 1;
    while (!atomic_load_explicit(&written, memory_order_relaxed))
        ovl_yield();
    contested++; /* the report comes here */
    atomic_store(&stop, true);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ovl_join(others[i]))
            return 1;
    return pthread_join(thread, NULL);
}

int main(void)
{
    if (ovl_run(race, NULL, NULL))
        return EXIT_FAILURE;
    fprintf(stderr, "all went on: %d\n", contested);
    return EXIT_SUCCESS;
}
