#include "fetch/interrupt.h"

#include "command.h"

#include <overlap.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

#define ENDING_COUNT (sizeof ending / sizeof *ending)

/* Who sends a signal to a process and to its group, as timeout does, sends two that mean one. */
#define ONE_NS (100 * OVL_MILLISECOND)

static _Atomic(atomic_bool *) asked;
static _Atomic ovl_time asked_at; /* first; 0: not yet */

static void ask(int number)
{
    (void)number;
    ovl_time now = ovl_now();
    ovl_time before = 0;
    if (atomic_compare_exchange_strong(&asked_at, &before, now))
        atomic_store(asked, true);
    else if (now - before >= ONE_NS)
        _exit(EXIT_INTERRUPTED);
}

void interrupt_watch(atomic_bool *flag)
{
    asked = flag;
    for (size_t n = 0; n < ENDING_COUNT; n++) {
        struct sigaction now;
        if (ending[n] == SIGHUP && sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            continue;
        sigaction(ending[n], &(struct sigaction){.sa_handler = ask, .sa_flags = SA_RESTART}, NULL);
    }
    /* A file that may not grow is an error of the write, which says so. */
    signal(SIGXFSZ, SIG_IGN);
}

void interrupt_hold(sigset_t *ret_before)
{
    sigset_t held;
    sigemptyset(&held);
    for (size_t n = 0; n < ENDING_COUNT; n++)
        sigaddset(&held, ending[n]);
    pthread_sigmask(SIG_BLOCK, &held, ret_before);
}

void interrupt_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}
