#include "fetch/interrupt.h"

#include "command.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static _Atomic(atomic_bool *) asked;

static void ask(int number)
{
    (void)number;
    if (atomic_exchange(asked, true))
        _exit(EXIT_INTERRUPTED);
}

void interrupt_watch(atomic_bool *flag)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    asked = flag;
    for (size_t n = 0; n < sizeof ending / sizeof *ending; n++) {
        struct sigaction now;
        if (ending[n] == SIGHUP && sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            continue;
        sigaction(ending[n], &(struct sigaction){.sa_handler = ask, .sa_flags = SA_RESTART}, NULL);
    }
    /* A file that may not grow is an error of the write, which says so. */
    signal(SIGXFSZ, SIG_IGN);
}
