#include "compare/watch.h"

#include "command.h"
#include "system/signals.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS (100 * OVL_MILLISECOND)

/* How often what runs is told again to stop: a task may have been submitted just after it was told.
 */
#define CANCEL_AGAIN_NS (50 * OVL_MILLISECOND)

/* After the signal time is counted in beats: they do not come while the machine stands, or has no
 * time for this process, which is to tell all the same what was done. */
#define BEAT_NS (50 * OVL_MILLISECOND)

/* When it did not stop by then, it is left as it is. */
#define PATIENCE_BEATS 14

/* When even the last word gets stuck, in an output that nobody reads, the command ends without it.
 */
#define LAST_BEAT 19

static struct {
    struct watch_calls calls;
    sigset_t signals;
    atomic_bool interrupted;
    atomic_bool finished; /* who sets it has the last word */
    atomic_int beats;

    sem_t begun;             /* the thread has */
    pthread_mutex_t ticking; /* held while a tick is told */

    pthread_mutex_t lock; /* never taken by tasks */
    struct ovl_executor *executor;
    bool waits;  /* for a child, which has the signals: */
    pid_t child; /* 0: it is about to be one */
    int missed;  /* a signal that came before it could be handed on */
} watch = {.ticking = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

static void cancel(void)
{
    pthread_mutex_lock(&watch.lock);
    if (watch.executor)
        ovl_executor_cancel(watch.executor);
    pthread_mutex_unlock(&watch.lock);
}

static void on_beat(int number)
{
    (void)number;
    if (atomic_fetch_add(&watch.beats, 1) + 1 == LAST_BEAT)
        _exit(EXIT_INTERRUPTED);
}

/* They come to this thread alone: what others wait in goes on. */
static void start_beats(void)
{
    sigset_t beat_only;
    sigemptyset(&beat_only);
    sigaddset(&beat_only, SIGALRM);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_beat, .sa_flags = SA_RESTART}, NULL);
    pthread_sigmask(SIG_UNBLOCK, &beat_only, NULL);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    event._sigev_un._tid = gettid();
    struct timespec beat = {.tv_nsec = BEAT_NS};
    struct itimerspec beats = {.it_interval = beat, .it_value = beat};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &beats, NULL))
        atomic_store(&watch.beats, PATIENCE_BEATS);
}

/* What a terminal sends, it sends to the child as well. Whether there is one. */
static bool hand_on(const siginfo_t *signal)
{
    pthread_mutex_lock(&watch.lock);
    bool waits = watch.waits;
    if (waits && !watch.child)
        watch.missed = signal->si_signo;
    else if (waits && signal->si_code <= 0)
        kill(watch.child, signal->si_signo);
    pthread_mutex_unlock(&watch.lock);
    return waits;
}

/* Waits for a signal for so long. True when one came that is meant for this process. */
static bool wait_signal(ovl_time ns)
{
    struct timespec timeout = {.tv_nsec = ns};
    siginfo_t signal;
    return sigtimedwait(&watch.signals, &signal, &timeout) > 0 && !hand_on(&signal);
}

/* Stops what runs; a second Ctrl-C ends the patience. */
static void interrupt(void)
{
    start_beats();
    watch.interrupted = true;
    do
        cancel();
    while (!wait_signal(CANCEL_AGAIN_NS) && atomic_load(&watch.beats) < PATIENCE_BEATS);

    if (!atomic_exchange(&watch.finished, true)) {
        watch.calls.last_word(watch.calls.context);
        _exit(EXIT_INTERRUPTED);
    }
}

static void *run(void *unused)
{
    sem_post(&watch.begun);
    while (!wait_signal(TICK_NS)) {
        pthread_mutex_lock(&watch.ticking);
        watch.calls.tick(watch.calls.context);
        pthread_mutex_unlock(&watch.ticking);
    }
    interrupt();
    return unused;
}

/*
 * Returns when it runs: a fork in the middle of its beginning might leave the child a lock that
 * nobody there gives up, an allocator's for one (AddressSanitizer's).
 */
static int start_thread(void)
{
    pthread_t thread;
    sem_init(&watch.begun, 0, 0);
    int error = pthread_create(&thread, NULL, run, NULL);
    if (error)
        return -error;
    pthread_detach(thread);
    while (sem_wait(&watch.begun) < 0 && errno == EINTR)
        continue;
    return 0;
}

int watch_start(const struct watch_calls *calls)
{
    watch.calls = *calls;
    watch.signals = signals_block();
    return start_thread();
}

/* --- in a child --- */

static void begin_in_child(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_INTERRUPTED);
    watch.waits = false;
    watch.missed = 0;
    start_thread(); /* without one a signal waits until the end */
}

static void set_child(bool waits, pid_t child)
{
    pthread_mutex_lock(&watch.lock);
    watch.waits = waits;
    watch.child = child;
    if (child && watch.missed)
        kill(child, watch.missed);
    watch.missed = 0;
    pthread_mutex_unlock(&watch.lock);
}

pid_t watch_fork(void)
{
    pid_t parent = getpid();
    fflush(stdout);
    set_child(true, 0);
    pthread_mutex_lock(&watch.ticking);
    pthread_mutex_lock(&watch.lock);
    pid_t child = fork();
    pthread_mutex_unlock(&watch.lock);
    pthread_mutex_unlock(&watch.ticking);
    if (child == 0)
        begin_in_child(parent);
    else
        set_child(child > 0, child > 0 ? child : 0);
    return child;
}

int watch_join(pid_t child)
{
    siginfo_t end;
    while (waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    set_child(false, 0); /* its number may be another's as soon as it is waited for */
    int status = 0;
    waitpid(child, &status, 0);
    return status;
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
