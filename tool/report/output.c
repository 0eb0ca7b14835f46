#include "report/output.h"

#include "command.h"
#include "report/console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

int output_finish(int code)
{
    errno = 0;
    int failed = fflush(stdout);
    int error = errno;
    if (!failed && !ferror(stdout))
        return code;
    if (!error)
        error = EIO;
    console_error("cannot write to standard output: %s; %s", strerror(error), remedy(error));
    return EXIT_REFUSED;
}
