/* Child processes. */
#include "hooks/hooks.h"

#include "loop/apart.h"
#include "loop/loop.h"

#include <stdlib.h>

OVL__HOOK_FILE(child);

/* Which children are meant, as waitid has it. */
struct children {
    idtype_t type;
    id_t id;
    int options; /* which changes of them */
};

/* Looks for a change without taking note of it: broken off, it steals nothing from anybody. */
OVL__BREAKABLE static void watch_children(void *argument)
{
    const struct children *children = argument;
    siginfo_t unused;
    while (ovl__sys.waitid(children->type, children->id, &unused, children->options | WNOWAIT) &&
           errno == EINTR)
        ;
}

/* The end of one child is an event of its pidfd. */
static int wait_for_end(pid_t pid)
{
    int pidfd = ovl__sys.pidfd_open(pid, 0);
    if (pidfd < 0)
        return -errno;
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    int error = ovl__wait_fds_or_signal(&end, 1, OVL_FOREVER, false);
    ovl__loop_forget_fd(pidfd);
    ovl__sys.close(pidfd);
    return error;
}

/* Gives way until a look at the children may find a change; false with errno set. */
static bool wait_for_change(struct children *children)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    bool one_end = children->type == P_PID &&
                   (children->options & (WEXITED | WSTOPPED | WCONTINUED)) == WEXITED;
    int error = one_end ? wait_for_end((pid_t)children->id) : -ENOSYS;
    if (error && error != OVL_ECANCELED && error != -EINTR)
        return ovl__hook_call_breakable(watch_children, children, OVL_WAIT_CHILD,
                                        OVL__BY_CANCEL_OR_SIGNAL);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_CHILD, began);
    if (error)
        ovl__fail(error);
    return !error;
}

static struct children children_of(pid_t pid, int options)
{
    struct children children = {
        .type = P_PID,
        .id = (id_t)pid,
        .options = (options & ~WNOHANG) | WEXITED, /* WUNTRACED and WSTOPPED are one */
    };
    if (pid == -1) {
        children.type = P_ALL;
    } else if (pid <= 0) {
        children.type = P_PGID;
        children.id = (id_t)(pid ? -pid : getpgrp());
    }
    return children;
}

static pid_t yielding_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
    struct children children = children_of(pid, options);
    for (;;) {
        pid_t changed = ovl__sys.wait4(pid, ret_status, options | WNOHANG, ret_usage);
        if (changed || options & WNOHANG)
            return changed;
        if (!wait_for_change(&children))
            return -1;
    }
}

OVL__HOOK pid_t wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
    if (!ovl__in_task())
        return ovl__sys.wait4(pid, ret_status, options, ret_usage);
    if (!ovl__current->coroutine)
        return OVL__METERED(pid_t, -1, OVL_WAIT_CHILD,
                            ovl__sys.wait4(pid, ret_status, options, ret_usage));
    return yielding_wait4(pid, ret_status, options, ret_usage);
}

OVL__HOOK pid_t wait3(int *ret_status, int options, struct rusage *ret_usage)
{
    if (!ovl__in_task())
        return ovl__sys.wait3(ret_status, options, ret_usage);
    return wait4(-1, ret_status, options, ret_usage);
}

OVL__HOOK pid_t waitpid(pid_t pid, int *ret_status, int options)
{
    if (!ovl__in_task())
        return ovl__sys.waitpid(pid, ret_status, options);
    return wait4(pid, ret_status, options, NULL);
}

OVL__HOOK pid_t wait(int *ret_status)
{
    if (!ovl__in_task())
        return ovl__sys.wait(ret_status);
    return wait4(-1, ret_status, 0, NULL);
}

static int yielding_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
    siginfo_t own = {0};
    siginfo_t *info = ret_info ? ret_info : &own;
    struct children children = {
        .type = type,
        .id = id,
        .options = options & ~(WNOHANG | WNOWAIT),
    };
    for (;;) {
        info->si_pid = 0;
        int error = ovl__sys.waitid(type, id, info, options | WNOHANG);
        if (error || info->si_pid || options & WNOHANG)
            return error;
        if (!wait_for_change(&children))
            return -1;
    }
}

OVL__HOOK int waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
    if (!ovl__in_task())
        return ovl__sys.waitid(type, id, ret_info, options);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_CHILD, ovl__sys.waitid(type, id, ret_info, options));
    return yielding_waitid(type, id, ret_info, options);
}

/* --- what libc does whole --- */

/*
 * The command gets the signal mask of the thread that asked, not the helper's, which takes none.
 * Where the wait is called off, libc ends the shell as it does for a thread that is cancelled.
 */
struct system_call {
    const char *command;
    sigset_t mask;
    int result;
    int error;
};

OVL__BREAKABLE static void call_system(void *argument)
{
    struct system_call *call = argument;
    sigset_t helper;
    pthread_sigmask(SIG_SETMASK, &call->mask, &helper);
    call->result = ovl__sys.system(call->command);
    call->error = errno;
    pthread_sigmask(SIG_SETMASK, &helper, NULL);
}

OVL__HOOK int system(const char *command)
{
    if (!ovl__in_task())
        return ovl__sys.system(command);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_CHILD, ovl__sys.system(command));
    struct system_call call = {.command = command};
    pthread_sigmask(SIG_SETMASK, NULL, &call.mask);
    if (!ovl__hook_call_breakable(call_system, &call, OVL_WAIT_CHILD, OVL__BY_CANCEL))
        return -1;
    if (call.result < 0)
        errno = call.error;
    return call.result;
}

struct pclose_call {
    FILE *stream;
    int result;
    int error;
};

static void call_pclose(void *argument)
{
    struct pclose_call *call = argument;
    call->result = ovl__sys.pclose(call->stream);
    call->error = errno;
}

OVL__HOOK int pclose(FILE *stream)
{
    if (!ovl__in_task())
        return ovl__sys.pclose(stream);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_CHILD, ovl__sys.pclose(stream));
    struct pclose_call call = {.stream = stream};
    ovl__hook_call_in_thread(call_pclose, &call, OVL_WAIT_CHILD);
    if (call.result < 0)
        errno = call.error;
    return call.result;
}
