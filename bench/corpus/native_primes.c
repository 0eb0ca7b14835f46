// expect: threads cpu
/* Primes counted, range by range: with an argument, by so many threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define TASKS 140
#define EACH  12000

static atomic_int next;
static atomic_int found;

static int is_prime(int number)
{
    for (int n = 3; n * n <= number; n += 2)
        if (number % n == 0) // hot
            return 0;
    return number > 2 && number % 2;
}

static void task(int number)
{
    int count = 0;
    for (int n = 4000000 + number * EACH; n < 4000000 + (number + 1) * EACH; n++)
        count += is_prime(n);
    atomic_fetch_add(&found, count);
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
    printf("%d\n", atomic_load(&found));
}
