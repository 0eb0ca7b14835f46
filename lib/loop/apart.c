#include "loop/apart.h"

#include "base/thread.h"
#include "loop/loop.h"

#include <sys/syscall.h>
#include <unistd.h>

/*
 * The signal by which glibc's pthread_cancel interrupts a call of another thread: none that an
 * application could have. In a thread that is not to be cancelled its handler does nothing, and the
 * call fails with EINTR. Source: nptl(7).
 */
#define SIGNAL_OF_CANCEL 32

/* One that comes before the call has begun is lost, so that others follow: between so long pauses.
 */
#define INTERRUPT_MIN (50 * OVL_MICROSECOND)
#define INTERRUPT_MAX (5 * OVL_MILLISECOND)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take_lock(void)
{
    pthread_mutex_lock(&lock);
}

static void leave_lock(void)
{
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(take_lock, leave_lock, leave_lock);
}

/* --- its thread --- */

static void end(void *argument)
{
    struct ovl__apart *call = argument;
    take_lock();
    call->over = true;
    ovl__wake_all(&call->waiter);
    leave_lock();
}

static void become_interruptible(struct ovl__apart *call)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    take_lock();
    call->number = gettid();
    leave_lock();
}

OVL__BREAKABLE static void *run(void *argument)
{
    struct ovl__apart *call = argument;
    pthread_cleanup_push(end, call);
    if (call->interruptible)
        become_interruptible(call);
    call->fn(call->argument);
    /* From here on it has to come to its end. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    call->has_returned = true;
    pthread_cleanup_pop(1);
    return NULL;
}

void ovl__apart_say(struct ovl__apart *call)
{
    take_lock();
    call->has_said = true;
    ovl__wake_all(&call->waiter);
    leave_lock();
}

/* --- who waits for it --- */

static int begin(struct ovl__apart *call)
{
    ovl__wait_list_init(&call->waiter);
    take_lock(); /* its end waits until its number is known here */
    int error = ovl__thread_start(run, call, &call->thread);
    leave_lock();
    return error;
}

int ovl__apart_begin(struct ovl__apart *call, void (*fn)(void *argument), void *argument)
{
    *call = (struct ovl__apart){.fn = fn, .argument = argument};
    return begin(call);
}

int ovl__apart_begin_interruptible(struct ovl__apart *call, void (*fn)(void *argument),
                                   void *argument)
{
    *call = (struct ovl__apart){.fn = fn, .argument = argument, .interruptible = true};
    return begin(call);
}

void ovl__apart_hear(struct ovl__apart *call)
{
    take_lock();
    ovl__loop_outside(1);
    while (!call->has_said && !call->over) {
        ovl__waits_for("helper thread", -1);
        ovl__wait(&call->waiter, &lock, OVL_FOREVER);
    }
    ovl__loop_outside(-1);
    leave_lock();
}

/* Until it is over, or, where that `may_end` early, the coroutine is to wait no longer. */
static int wait_for_end(struct ovl__apart *call, bool may_end)
{
    int error = 0;
    ovl__loop_outside(1);
    while (!call->over && !error) {
        ovl__waits_for("helper thread", -1);
        error = may_end ? ovl__wait_or_cancel(&call->waiter, &lock, OVL_FOREVER)
                        : ovl__wait(&call->waiter, &lock, OVL_FOREVER);
    }
    ovl__loop_outside(-1);
    return error;
}

static void break_off(struct ovl__apart *call)
{
    if (!call->over)
        pthread_cancel(call->thread); /* which is there still: its end takes the lock */
    wait_for_end(call, false);
}

int ovl__apart_end(struct ovl__apart *call, bool breakable)
{
    take_lock();
    int error = wait_for_end(call, breakable);
    if (error)
        break_off(call);
    leave_lock();
    return call->has_returned ? 0 : error;
}

static void interrupt(struct ovl__apart *call)
{
    if (!call->over)
        pthread_cancel(call->thread); /* sees to the handler */
    ovl_time pause = INTERRUPT_MIN;
    while (!call->over) {
        if (call->number)
            syscall(SYS_tgkill, getpid(), call->number, SIGNAL_OF_CANCEL);
        ovl__waits_for("helper thread", -1);
        ovl__wait(&call->waiter, &lock, ovl_after(pause));
        pause = pause * 2 < INTERRUPT_MAX ? pause * 2 : INTERRUPT_MAX;
    }
}

/* Others of the loop may be what it waits for: the clock of a test does not wait for it. */
int ovl__apart_end_by(struct ovl__apart *call, ovl_time deadline)
{
    take_lock();
    int error = 0;
    while (!call->over && !error)
        error = ovl__wait_or_cancel(&call->waiter, &lock, deadline);
    if (error)
        interrupt(call);
    leave_lock();
    return error;
}

void ovl__apart_break(struct ovl__apart *call)
{
    take_lock();
    break_off(call);
    leave_lock();
}
