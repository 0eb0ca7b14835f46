/* Closing: whoever waits for the descriptor learns of it, and its number is free for others. */
#include "hooks/hooks.h"

#include "loop/loop.h"

OVL__HOOK_FILE(close);

OVL__HOOK int close(int fd)
{
    if (ovl__in_coroutine())
        ovl__loop_forget_fd(fd);
    return ovl__sys.close(fd);
}
