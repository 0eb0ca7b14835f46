/* Closing: whoever waits for the descriptor learns of it, and its number is free for others. */
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>

OVL__HOOK_FILE(close);

struct close_call {
    int fd;
    int result;
    int error;
};

static void call_close(void *argument)
{
    struct close_call *call = argument;
    call->result = ovl__sys.close(call->fd);
    call->error = errno;
}

/* Waits until what was sent has arrived, for a while. */
static bool lingers(int fd)
{
    int before = errno;
    struct linger linger = {0};
    socklen_t size = sizeof linger;
    bool lingers = !getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) && linger.l_onoff &&
                   linger.l_linger > 0;
    errno = before;
    return lingers;
}

static int close_in_thread(int fd)
{
    struct close_call call = {.fd = fd};
    int before = errno;
    ovl__hook_call_in_thread(call_close, &call, OVL_WAIT_NETWORK);
    errno = call.result < 0 ? call.error : before;
    return call.result;
}

OVL__HOOK int close(int fd)
{
    if (!ovl__in_coroutine())
        return ovl__sys.close(fd);
    ovl__loop_forget_fd(fd);
    return lingers(fd) ? close_in_thread(fd) : ovl__sys.close(fd);
}

/* What is put over an open descriptor closes it. */
OVL__HOOK int dup2(int fd, int as_fd)
{
    if (ovl__in_coroutine() && fd != as_fd && ovl__sys.fcntl(fd, F_GETFD, NULL) >= 0)
        ovl__loop_forget_fd(as_fd);
    return ovl__sys.dup2(fd, as_fd);
}

OVL__HOOK int dup3(int fd, int as_fd, int flags)
{
    if (ovl__in_coroutine() && fd != as_fd && ovl__sys.fcntl(fd, F_GETFD, NULL) >= 0)
        ovl__loop_forget_fd(as_fd);
    return ovl__sys.dup3(fd, as_fd, flags);
}

/* --- ranges --- */

OVL__HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (ovl__in_coroutine() && first <= last && !(flags & CLOSE_RANGE_CLOEXEC))
        ovl__loop_forget_range(first, last);
    return ovl__sys.close_range(first, last, flags);
}

/* Kernels before 5.9 have no call for it. */
OVL__HOOK void closefrom(int first)
{
    unsigned from = first < 0 ? 0 : (unsigned)first;
    if (!close_range(from, UINT_MAX, 0))
        return;
    for (long fd = sysconf(_SC_OPEN_MAX) - 1; fd >= (long)from; fd--)
        ovl__sys.close((int)fd);
}
