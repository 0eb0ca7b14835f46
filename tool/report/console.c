#include "report/console.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
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
} console = {.lock = PTHREAD_MUTEX_INITIALIZER};

void console_speaker(const char *verb)
{
    console.speaker = verb;
}

/* What cannot be written to standard error cannot be told anywhere else. */
static void write_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        size -= (size_t)written;
    }
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

/* One write for erasing and text, so that neither flickers nor is torn. */
static void print(const char *text, bool may_wait)
{
    pthread_mutex_lock(&console.lock);
    if (may_wait || !would_wait()) {
        char *whole;
        char before[ERASE_BYTES];
        int size = asprintf(&whole, "%s%s\n", erase(before), text);
        if (size >= 0) {
            write_all(whole, (size_t)size);
            free(whole);
        }
        console.drawn = 0;
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

void console_status(const char *text)
{
    pthread_mutex_lock(&console.lock);
    if ((text || console.drawn) && !would_wait()) {
        char *whole;
        char before[ERASE_BYTES];
        int size = asprintf(&whole, "%s%s", erase(before), text ? text : "");
        if (size >= 0) {
            write_all(whole, (size_t)size);
            free(whole);
        }
        console.drawn = text ? count_lines(text) : 0;
    }
    pthread_mutex_unlock(&console.lock);
}
