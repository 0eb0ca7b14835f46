#include "report/output.h"

#include "command.h"
#include "report/console.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *remedy(int error)
{
    switch (error) {
    case ENOSPC:
        return "make room, or send the output elsewhere";
    case EPIPE:
        return "its reader went away; let it read to the end";
    case EBADF:
        return "it is closed; open it, or send it to a file";
    default:
        return "send it elsewhere";
    }
}

/* Why a write of before failed: stdio does not keep it, but a reader that went away is still away.
 */
static int former_error(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) > 0 && output.revents & POLLERR ? EPIPE : EIO;
}

int output_finish(int code)
{
    static bool told;
    errno = 0;
    int error = fflush(stdout) ? errno : 0;
    if (!error && !ferror(stdout))
        return code;
    if (!error)
        error = former_error();
    if (!told)
        console_error("cannot write to standard output: %s; %s", strerror(error), remedy(error));
    told = true;
    return EXIT_REFUSED;
}
