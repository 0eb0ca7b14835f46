/*
 * Streams of stdio that are scanned. Where an item ends only libc's scanner knows, which reads on
 * in the midst of it: so it runs in a thread of its own once there is something to begin with.
 */
#include "hooks/hooks.h"
#include "hooks/stream.h"
#include "loop/apart.h"

#include <stdarg.h>

OVL__HOOK_FILE(scan);

typedef int scan_fn(FILE *stream, const char *format, va_list arguments);

struct scan {
    scan_fn *fn;
    FILE *stream;
    const char *format;
    va_list arguments;
    int result;
    int error;
};

OVL__BREAKABLE static void call_scan(void *argument)
{
    struct scan *scan = argument;
    errno = 0;
    scan->result = scan->fn(scan->stream, scan->format, scan->arguments);
    scan->error = errno;
}

static int yielding_scan(struct scan *scan)
{
    struct ovl__stream_hold hold;
    ovl__stream_lock(scan->stream, &hold);
    enum ovl__filled filled = ovl__stream_fill(&hold);
    ovl__stream_unlock(&hold);
    if (filled == OVL__FAILED)
        return EOF;
    scan->result = EOF;
    int before = errno;
    if (!ovl__hook_call_breakable(call_scan, scan, ovl__wait_kind(fileno(scan->stream)),
                                  OVL__BY_CANCEL_OR_SIGNAL))
        return EOF;
    errno = scan->error ? scan->error : before;
    return scan->result;
}

static int scan_stream(struct scan *scan)
{
    if (!ovl__in_task())
        return scan->fn(scan->stream, scan->format, scan->arguments);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(scan->stream))
        return OVL__METERED(int, fileno(scan->stream), OVL_WAIT_OTHER,
                            scan->fn(scan->stream, scan->format, scan->arguments));
    return yielding_scan(scan);
}

/* The value of a scan of `from` by `real`, with the arguments that follow the format. */
#define SCAN(real, from, format_)                                                                  \
    ({                                                                                             \
        struct scan scan_ = {.fn = (real), .stream = (from), .format = (format_)};                 \
        va_start(scan_.arguments, format_);                                                        \
        int result_ = scan_stream(&scan_);                                                         \
        va_end(scan_.arguments);                                                                   \
        result_;                                                                                   \
    })

#define SCAN_LIST(real, from, format_, list)                                                       \
    ({                                                                                             \
        struct scan scan_ = {.fn = (real), .stream = (from), .format = (format_)};                 \
        va_copy(scan_.arguments, list);                                                            \
        int result_ = scan_stream(&scan_);                                                         \
        va_end(scan_.arguments);                                                                   \
        result_;                                                                                   \
    })

/* C23's, which libc has from 2.38 on: before that nobody asks for it. */
static scan_fn *c23_scanner(void)
{
    return ovl__sys.__isoc23_vfscanf ? ovl__sys.__isoc23_vfscanf : ovl__sys.__isoc99_vfscanf;
}

/*
 * The names of one dialect: GNU's of before C99, C99's, and C23's. libc's header gives a program
 * one of them under the common names, by what it was compiled as.
 */
#define SCANNERS(prefix, real)                                                                     \
    OVL__HOOK int ovl__##prefix##scanf(const char *format, ...) __asm__(#prefix "scanf");          \
    OVL__HOOK int ovl__##prefix##fscanf(FILE *stream, const char *format,                          \
                                        ...) __asm__(#prefix "fscanf");                            \
    OVL__HOOK int ovl__##prefix##vscanf(const char *format,                                        \
                                        va_list list) __asm__(#prefix "vscanf");                   \
    OVL__HOOK int ovl__##prefix##vfscanf(FILE *stream, const char *format,                         \
                                         va_list list) __asm__(#prefix "vfscanf");                 \
    int ovl__##prefix##scanf(const char *format, ...)                                              \
    {                                                                                              \
        return SCAN(real, stdin, format);                                                          \
    }                                                                                              \
    int ovl__##prefix##fscanf(FILE *stream, const char *format, ...)                               \
    {                                                                                              \
        return SCAN(real, stream, format);                                                         \
    }                                                                                              \
    int ovl__##prefix##vscanf(const char *format, va_list list)                                    \
    {                                                                                              \
        return SCAN_LIST(real, stdin, format, list);                                               \
    }                                                                                              \
    int ovl__##prefix##vfscanf(FILE *stream, const char *format, va_list list)                     \
    {                                                                                              \
        return SCAN_LIST(real, stream, format, list);                                              \
    }

SCANNERS(, ovl__sys.vfscanf)
SCANNERS(__isoc99_, ovl__sys.__isoc99_vfscanf)
SCANNERS(__isoc23_, c23_scanner())
