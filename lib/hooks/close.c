/* Closing: whoever waits for the descriptor learns of it, and its number is free for others. */
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <fcntl.h>

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
