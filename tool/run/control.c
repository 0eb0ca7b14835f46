#include "run/control.h"

#include "report/console.h"
#include "system/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How often jobs that are to be killed are. */
#define KILL_NS (100 * OVL_MILLISECOND)

/* How often the jobs are looked at where there is no pace to say it. */
#define TICK_NS (100 * OVL_MILLISECOND)

/* From asking jobs to end until they are killed. */
#define GRACE_NS (5 * OVL_SECOND)

/* By which the thread is woken to end. */
#define WAKE (SIGRTMIN + 5)

struct control {
    struct control_options options;
    pthread_t thread;
    sigset_t signals;
    pthread_mutex_t lock;
    struct ovl_executor *reach; /* under the lock */
    int ended;                  /* an eventfd */
    atomic_bool stopping;
    atomic_bool interrupted;
    _Atomic(ovl_time) kill_at; /* OVL_FOREVER: never; 0: jobs are to be ended now */
};

sigset_t control_block(void)
{
    sigset_t before;
    sigset_t more;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    signals_block();
    sigemptyset(&more);
    sigaddset(&more, SIGUSR1);
    sigaddset(&more, SIGUSR2);
    sigaddset(&more, WAKE);
    pthread_sigmask(SIG_BLOCK, &more, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
    return before;
}

void control_end(struct control *control)
{
    atomic_store(&control->options.shared->stop, true);
    uint64_t one = 1;
    if (write(control->ended, &one, sizeof one) < 0)
        return; /* it is ready already */
}

static void cancel(struct control *control)
{
    pthread_mutex_lock(&control->lock);
    if (control->reach)
        ovl_executor_cancel(control->reach);
    pthread_mutex_unlock(&control->lock);
}

void control_reach(struct control *control, struct ovl_executor *executor)
{
    pthread_mutex_lock(&control->lock);
    control->reach = executor;
    pthread_mutex_unlock(&control->lock);
    if (executor && atomic_load(&control->options.shared->cut))
        cancel(control);
}

void control_cut(struct control *control)
{
    if (atomic_exchange(&control->options.shared->cut, true))
        return;
    control_end(control);
    atomic_store(&control->kill_at, ovl_after(GRACE_NS));
    guard_signal(control->options.shared->guard, SIGTERM);
    guard_signal(control->options.shared->guard, SIGCONT); /* a stopped job hears nothing */
    cancel(control);
}

static void interrupt(struct control *control, int number)
{
    bool again = atomic_exchange(&control->interrupted, true);
    if (again || number != SIGINT) {
        control_cut(control);
        return;
    }
    control_end(control);
    unsigned running = atomic_load(&control->options.shared->running);
    if (running)
        console_error("interrupted: no more jobs begin; waiting for %u that run%s; interrupt again "
                      "to end them",
                      running, running == 1 ? "s" : "");
}

static void take_signal(struct control *control, int number)
{
    bool for_pace = number == SIGUSR1 || number == SIGUSR2;
    if (!control->options.pace && (for_pace || number == SIGINT))
        return;
    if (for_pace)
        pace_change(control->options.pace, number == SIGUSR1 ? 1 : -1);
    else
        interrupt(control, number);
}

/* --- the machine --- */

/* One job at a time is always run: nobody else may be there to make room. */
static void look_at_machine(struct control *control)
{
    struct job_shared *shared = control->options.shared;
    atomic_store(&shared->hold,
                 machine_is_short(&control->options.limits) && atomic_load(&shared->running));
}

static void look_at_time(struct control *control)
{
    if (ovl_now() < atomic_load(&control->kill_at))
        return;
    atomic_store(&control->kill_at, ovl_after(KILL_NS));
    guard_signal(control->options.shared->guard, SIGKILL);
}

static void *run_control(void *argument)
{
    struct control *control = argument;
    ovl_time tick = 0;
    while (!atomic_load(&control->stopping)) {
        int number = sigtimedwait(&control->signals, NULL, &(struct timespec){.tv_nsec = tick});
        if (number > 0 && number != WAKE)
            take_signal(control, number);
        look_at_machine(control);
        look_at_time(control);
        tick = control->options.pace ? pace_tick(control->options.pace, control->options.shared)
                                     : TICK_NS;
    }
    return NULL;
}

struct control *control_start(const struct control_options *options)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        console_error("out of memory");
        return NULL;
    }
    control->options = *options;
    pthread_mutex_init(&control->lock, NULL);
    control->signals = signals_block();
    sigaddset(&control->signals, SIGUSR1);
    sigaddset(&control->signals, SIGUSR2);
    sigaddset(&control->signals, WAKE);
    atomic_init(&control->kill_at, OVL_FOREVER);
    control->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    look_at_machine(control);
    int error =
        control->ended < 0 ? errno : pthread_create(&control->thread, NULL, run_control, control);
    if (error) {
        console_error("cannot begin: %s; end other programs", strerror(error));
        if (control->ended >= 0)
            close(control->ended);
        free(control);
        return NULL;
    }
    return control;
}

/* A signal of its own wakes it at once. */
void control_stop(struct control *control)
{
    if (!control)
        return;
    atomic_store(&control->stopping, true);
    pthread_kill(control->thread, WAKE);
    pthread_join(control->thread, NULL);
    close(control->ended);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

bool control_interrupted(const struct control *control)
{
    return atomic_load(&control->interrupted);
}

int control_descriptor(const struct control *control)
{
    return control->ended;
}
