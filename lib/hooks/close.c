/* Closing: whoever waits for the descriptor learns of it, and its number is free for others. */
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>

OVL__HOOK_FILE(close);

OVL__HOOK int close(int fd)
{
    if (ovl__in_coroutine())
        ovl__loop_forget_fd(fd);
    return ovl__sys.close(fd);
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
