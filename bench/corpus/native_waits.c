// expect: threads io
/* Something that is waited for, and a sum of what came: with an argument, by so many threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TASKS 48

static atomic_int next;
static atomic_long sum;

static void task(int number)
{
    struct timespec time = {.tv_nsec = 15000000};
    nanosleep(&time, NULL); // hot
    unsigned hash = (unsigned)number;
    for (int n = 0; n < 2000000; n++)
        hash = hash * 31 + (hash >> 7);
    atomic_fetch_add(&sum, hash % 1000);
}

static void *work(void *unused)
{
    for (int number; (number = atomic_fetch_add(&next, 1)) < TASKS;)
        task(number);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int workers = argc > 1 ? atoi(argv[1]) : 0;
    if (workers > 64)
        return 2;
    for (int n = 0; n < workers; n++)
        pthread_create(&threads[n], NULL, work, NULL);
    for (int n = 0; n < workers; n++)
        pthread_join(threads[n], NULL);
    for (int number = 0; !workers && number < TASKS; number++)
        task(number);
    printf("%ld\n", atomic_load(&sum));
}
