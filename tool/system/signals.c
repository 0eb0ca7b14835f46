#include "system/signals.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A shell has what it runs in the background ignore SIGINT. Who sends it all the same means it, so
 * it counts again. SIGHUP stays ignored where it is: that is what nohup is for.
 */
static bool is_wanted(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) < 0 || now.sa_handler != SIG_IGN)
        return true;
    if (number == SIGHUP)
        return false;
    signal(number, SIG_DFL);
    return true;
}

sigset_t signals_block(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t n = 0; n < sizeof ending / sizeof *ending; n++)
        if (is_wanted(ending[n]))
            sigaddset(&set, ending[n]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}
