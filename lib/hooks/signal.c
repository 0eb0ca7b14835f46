/*
 * Signals. A handler is called by a function of ours, which first notes that it came: so a call
 * that a coroutine waits in ends with EINTR where the real one would, and goes on where the handler
 * was installed with SA_RESTART. Whoever asks for the handler is told the real one.
 */
#include "hooks/locks.h"

#include "loop/interrupt.h"
#include "loop/loop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/signalfd.h>

OVL__HOOK_FILE(signal);

typedef void plain_handler(int number);
typedef void info_handler(int number, siginfo_t *info, void *context);

/* Per signal; those of one kind of handler are never taken for the other. */
static _Atomic(plain_handler *) plain_handlers[NSIG];
static _Atomic(info_handler *) info_handlers[NSIG];
static atomic_bool restarts[NSIG];

static void on_signal(int number)
{
    ovl__signal_came(atomic_load_explicit(&restarts[number], memory_order_relaxed));
    atomic_load (&plain_handlers[number])(number);
}

static void on_info(int number, siginfo_t *info, void *context)
{
    ovl__signal_came(atomic_load_explicit(&restarts[number], memory_order_relaxed));
    atomic_load (&info_handlers[number])(number, info, context);
}

/* Faults of the code that runs are no interruption, and their handlers are best left alone. */
static bool is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGABRT || number == SIGSYS;
}

static bool is_number(int number)
{
    return number > 0 && number < NSIG;
}

/* The action as the kernel is to have it; its handler is kept here. */
static struct sigaction wrapped(int number, const struct sigaction *action)
{
    struct sigaction inner = *action;
    if (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN)
        return inner;
    atomic_store(&restarts[number], (action->sa_flags & SA_RESTART) != 0);
    if (action->sa_flags & SA_SIGINFO) {
        atomic_store(&info_handlers[number], action->sa_sigaction);
        inner.sa_sigaction = on_info;
    } else {
        atomic_store(&plain_handlers[number], action->sa_handler);
        inner.sa_handler = on_signal;
    }
    return inner;
}

/* The other way round; `plain` and `info` are what was kept. */
static void unwrap(struct sigaction *action, plain_handler *plain, info_handler *info)
{
    if (action->sa_flags & SA_SIGINFO && action->sa_sigaction == on_info)
        action->sa_sigaction = info;
    else if (action->sa_handler == on_signal)
        action->sa_handler = plain;
}

OVL__HOOK int sigaction(int number, const struct sigaction *restrict action,
                        struct sigaction *restrict ret_before)
{
    if (!is_number(number) || is_fault(number))
        return ovl__sys.sigaction(number, action, ret_before);
    plain_handler *plain = atomic_load(&plain_handlers[number]);
    info_handler *info = atomic_load(&info_handlers[number]);
    struct sigaction inner;
    if (action)
        inner = wrapped(number, action);
    int error = ovl__sys.sigaction(number, action ? &inner : NULL, ret_before);
    if (!error && ret_before)
        unwrap(ret_before, plain, info);
    return error;
}

/* Which signals siginterrupt has been asked to make interrupt. */
static atomic_bool interrupts[NSIG];

OVL__HOOK sighandler_t signal(int number, sighandler_t handler)
{
    if (!is_number(number) || is_fault(number) || handler == SIG_ERR)
        return ovl__sys.signal(number, handler);
    struct sigaction action = {.sa_handler = handler};
    struct sigaction before;
    if (!atomic_load(&interrupts[number]))
        action.sa_flags = SA_RESTART;
    sigaddset(&action.sa_mask, number);
    if (sigaction(number, &action, &before))
        return SIG_ERR;
    return before.sa_handler;
}

OVL__HOOK int siginterrupt(int number, int whether)
{
    int error = ovl__sys.siginterrupt(number, whether);
    if (!error && is_number(number)) {
        atomic_store(&interrupts[number], whether != 0);
        atomic_store(&restarts[number], !whether);
    }
    return error;
}

/* --- waiting for signals --- */

OVL__HOOK int pause(void)
{
    if (!ovl__in_task())
        return ovl__sys.pause();
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.pause());
    struct pollfd none;
    ovl__fail(ovl__hook_wait_fds(&none, 0, OVL_FOREVER, true));
    return -1;
}

/* A descriptor that tells of signals which the thread blocks and the mask does not; -1: of none. */
static int watch_masked(const sigset_t *mask)
{
    sigset_t set;
    bool any = false;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(mask, number) == 1)
            sigdelset(&set, number);
        else if (sigismember(&set, number) == 1)
            any = true;
    }
    return any ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static int wait_with(const struct pollfd *fds, nfds_t count, int signals, ovl_time deadline)
{
    struct pollfd few[16];
    struct pollfd *all = few;
    if (count >= sizeof few / sizeof *few)
        all = ovl__sys.malloc((count + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    for (nfds_t i = 0; i < count; i++)
        all[i] = fds[i];
    all[count] = (struct pollfd){.fd = signals, .events = POLLIN};
    int error = ovl__hook_wait_fds(all, count + 1, deadline, true);
    if (all != few)
        free(all);
    return error;
}

int ovl__hook_wait_masked(struct pollfd *fds, nfds_t count, ovl_time deadline, const sigset_t *mask)
{
    int signals = mask ? watch_masked(mask) : -1;
    if (signals < 0)
        return ovl__hook_wait_fds(fds, count, deadline, true);
    int error = wait_with(fds, count, signals, deadline);
    ovl__loop_forget_fd(signals);
    ovl__sys.close(signals);
    return error;
}

OVL__HOOK int sigsuspend(const sigset_t *mask)
{
    if (!ovl__in_task())
        return ovl__sys.sigsuspend(mask);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.sigsuspend(mask));
    static const struct timespec at_once;
    struct pollfd none;
    int error = 0;
    while (!error && !ovl__sys.ppoll(NULL, 0, &at_once, mask))
        error = ovl__hook_wait_masked(&none, 0, OVL_FOREVER, mask);
    return error ? ovl__fail(error) : -1;
}

/* A signal that is pending for the thread is an event of a signalfd; it is taken by the real call.
 */
static int take_until(const sigset_t *set, siginfo_t *ret_info, ovl_time deadline)
{
    static const struct timespec at_once;
    int fd = signalfd(-1, set, SFD_CLOEXEC);
    if (fd < 0)
        return -1;
    int number;
    for (int error = 0;;) {
        number = ovl__sys.sigtimedwait(set, ret_info, &at_once);
        if (number >= 0 || errno != EAGAIN || error == OVL_ETIMEDOUT || ovl_now() >= deadline)
            break;
        struct pollfd pending = {.fd = fd, .events = POLLIN};
        error = ovl__hook_wait_fds(&pending, 1, deadline, true);
        if (error && error != OVL_ETIMEDOUT) {
            number = ovl__fail(error);
            break;
        }
    }
    int error = errno;
    ovl__loop_forget_fd(fd);
    ovl__sys.close(fd);
    errno = error;
    return number;
}

OVL__HOOK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict ret_info,
                           const struct timespec *restrict timeout)
{
    if (!ovl__in_task())
        return ovl__sys.sigtimedwait(set, ret_info, timeout);
    bool odd = timeout && !ovl__is_time(timeout);
    if (!ovl__current->coroutine || odd)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.sigtimedwait(set, ret_info, timeout));
    return take_until(set, ret_info, ovl__deadline_of(timeout));
}

OVL__HOOK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict ret_info)
{
    if (!ovl__in_task())
        return ovl__sys.sigwaitinfo(set, ret_info);
    return sigtimedwait(set, ret_info, NULL);
}

OVL__HOOK int sigwait(const sigset_t *restrict set, int *restrict ret_number)
{
    if (!ovl__in_task())
        return ovl__sys.sigwait(set, ret_number);
    int before = errno;
    int number;
    do
        number = sigtimedwait(set, NULL, NULL);
    while (number < 0 && errno == EINTR);
    int error = errno;
    errno = before;
    if (number < 0)
        return error;
    *ret_number = number;
    return 0;
}
