#include "base/fork.h"

#include <pthread.h>

unsigned ovl__forks;

static void count_fork(void)
{
    ovl__forks++;
}

__attribute__((constructor)) static void prepare(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}
