#include "report/console.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Back to the first line's beginning, and clear all that follows. */
#define ERASE_BYTES 32

static struct {
    pthread_mutex_t lock;
    const char *speaker;
    unsigned drawn; /* lines of status that stand there */
    bool in_line;   /* what stands there is the beginning of a line, which is not the status */
} console = {.lock = PTHREAD_MUTEX_INITIALIZER};

void console_speaker(const char *verb)
{
    console.speaker = verb;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EAGAIN) /* somebody has made it so */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static bool would_wait(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 0;
}

/* What takes away the status: into a buffer of ERASE_BYTES. */
static const char *erase(char *buffer)
{
    buffer[0] = '\0';
    if (console.drawn == 1)
        snprintf(buffer, ERASE_BYTES, "\r\033[K");
    else if (console.drawn > 1)
        snprintf(buffer, ERASE_BYTES, "\033[%uA\r\033[J", console.drawn - 1);
    return buffer;
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 1;
    while ((text = strchr(text, '\n')) != NULL) {
        text++;
        lines++;
    }
    return lines;
}

/*
 * One write for what goes before and the text, so that neither flickers nor is torn. What cannot be
 * written to standard error cannot be told anywhere else.
 */
static void put(const char *before, const char *text, const char *after)
{
    char *whole;
    int size = asprintf(&whole, "%s%s%s", before, text, after);
    if (size < 0)
        return;
    write_all(STDERR_FILENO, whole, (size_t)size);
    free(whole);
}

static void print(const char *text, bool may_wait)
{
    pthread_mutex_lock(&console.lock);
    if (may_wait || !would_wait()) {
        char erasing[ERASE_BYTES];
        put(console.in_line ? "\n" : erase(erasing), text, "\n");
        console.drawn = 0;
        console.in_line = false;
    }
    pthread_mutex_unlock(&console.lock);
}

void console_error(const char *format, ...)
{
    char *message;
    char *line;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    size = asprintf(&line, "overlap%s%s: %s", console.speaker ? " " : "",
                    console.speaker ? console.speaker : "", message);
    free(message);
    if (size < 0)
        return;
    print(line, true);
    free(line);
}

void console_line(const char *format, ...)
{
    char *line;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    print(line, false);
    free(line);
}

/* Whether what is written to `fd` comes to stand where the status does. */
static bool is_shared(int fd)
{
    static atomic_int known[3]; /* 0: not looked at yet */
    int shared = atomic_load_explicit(&known[fd], memory_order_relaxed);
    if (!shared) {
        shared = isatty(fd) && isatty(STDERR_FILENO) ? 1 : -1;
        atomic_store_explicit(&known[fd], shared, memory_order_relaxed);
    }
    return shared > 0;
}

int console_write(int fd, const char *bytes, size_t size)
{
    if (!size || !is_shared(fd))
        return write_all(fd, bytes, size);
    pthread_mutex_lock(&console.lock);
    char erasing[ERASE_BYTES];
    put(erase(erasing), "", "");
    console.drawn = 0;
    int error = write_all(fd, bytes, size);
    console.in_line = bytes[size - 1] != '\n';
    pthread_mutex_unlock(&console.lock);
    return error;
}

void console_status(const char *text)
{
    pthread_mutex_lock(&console.lock);
    if (!console.in_line && (text || console.drawn) && !would_wait()) {
        char erasing[ERASE_BYTES];
        put(erase(erasing), text ? text : "", "");
        console.drawn = text ? count_lines(text) : 0;
    }
    pthread_mutex_unlock(&console.lock);
}
