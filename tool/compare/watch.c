#include "compare/watch.h"

#include "command.h"
#include "system/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS (100 * OVL_MILLISECOND)

/* How often what runs is told again to stop: a task may have been submitted just after it was told.
 */
#define CANCEL_AGAIN_NS (50 * OVL_MILLISECOND)

/* When it did not stop by then, after the signal, it is left as it is. */
#define PATIENCE_NS (700 * OVL_MILLISECOND)

/* When even the last word gets stuck, in an output that nobody reads, the command ends without it.
 */
#define ALARM_US 950000

static struct {
    struct watch_calls calls;
    sigset_t signals;
    atomic_bool interrupted;
    atomic_bool finished; /* who sets it has the last word */

    pthread_mutex_t lock; /* never taken by tasks */
    struct ovl_executor *executor;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void cancel(void)
{
    pthread_mutex_lock(&watch.lock);
    if (watch.executor)
        ovl_executor_cancel(watch.executor);
    pthread_mutex_unlock(&watch.lock);
}

static void leave_at_once(int number)
{
    (void)number;
    _exit(EXIT_INTERRUPTED);
}

static void set_alarm(void)
{
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = leave_at_once}, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = ALARM_US}}, NULL);
}

/* Waits for a signal for so long. True when one came. */
static bool wait_signal(ovl_time ns)
{
    struct timespec timeout = {.tv_nsec = ns};
    return sigtimedwait(&watch.signals, NULL, &timeout) > 0;
}

/* Stops what runs; a second Ctrl-C ends the patience. */
static void interrupt(void)
{
    set_alarm();
    watch.interrupted = true;
    ovl_time end = ovl_after(PATIENCE_NS);
    do
        cancel();
    while (!wait_signal(CANCEL_AGAIN_NS) && ovl_now() < end);

    if (!atomic_exchange(&watch.finished, true)) {
        watch.calls.last_word(watch.calls.context);
        _exit(EXIT_INTERRUPTED);
    }
}

static void *run(void *unused)
{
    while (!wait_signal(TICK_NS))
        watch.calls.tick(watch.calls.context);
    interrupt();
    return unused;
}

int watch_start(const struct watch_calls *calls)
{
    pthread_t thread;
    watch.calls = *calls;
    watch.signals = signals_block();
    int error = pthread_create(&thread, NULL, run, NULL);
    if (error)
        return -error;
    pthread_detach(thread);
    return 0;
}

bool watch_interrupted(void)
{
    return watch.interrupted;
}

void watch_executor(struct ovl_executor *executor)
{
    pthread_mutex_lock(&watch.lock);
    watch.executor = executor;
    pthread_mutex_unlock(&watch.lock);
}

size_t watch_running(void)
{
    struct ovl_counts counts = {.running = 0};
    pthread_mutex_lock(&watch.lock);
    if (watch.executor)
        ovl_executor_counts(watch.executor, &counts);
    pthread_mutex_unlock(&watch.lock);
    return counts.running;
}

void watch_finish(void)
{
    while (atomic_exchange(&watch.finished, true))
        pause();
}
