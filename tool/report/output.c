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
    case EDQUOT:
        return "make room, or send the output elsewhere";
    case EPIPE:
        return "its reader went away; let it read to the end";
    case EBADF:
        return "it is closed; open it, or send it to a file";
    default:
        return "send it elsewhere";
    }
}

int output_former_error(int fd)
{
    struct pollfd output = {.fd = fd};
    if (poll(&output, 1, 0) > 0 && output.revents & POLLERR)
        return EPIPE;
    return write(fd, "\n", 1) < 0 ? errno : EIO;
}

void output_refused(int error)
{
    static bool told;
    if (!told)
        console_error("cannot write to standard output: %s; %s", strerror(error), remedy(error));
    told = true;
}

int output_finish(int code)
{
    errno = 0;
    int error = fflush(stdout) ? errno : 0;
    if (!error && !ferror(stdout))
        return code;
    output_refused(error ? error : output_former_error(STDOUT_FILENO));
    return EXIT_REFUSED;
}
