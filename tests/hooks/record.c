#include "record.h"
#include "../support/pattern.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Turns of others that show that a call has let them go on. */
#define TICKS 3

/* How long to wait for them before the call is said to be stuck. */
#define PATIENCE_ROUNDS 4000
#define ROUND_NS        1000000

/* How long a plain call is given to begin to wait: nothing depends on whether it has. */
#define PLAIN_ROUNDS 10

atomic_long record_ticks;

__attribute__((format(printf, 2, 3))) static void add(struct record *record, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof record->text - record->length;
    int length = vsnprintf(record->text + record->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room)
        record->broken = true;
    else
        record->length += (size_t)length;
}

long record_call(struct record *record, const char *call, long value)
{
    int error = errno;
    if (value < 0)
        add(record, "%s = %ld, %s\n", call, value, strerrorname_np(error));
    else
        add(record, "%s = %ld\n", call, value);
    return value;
}

int record_fd(struct record *record, const char *call, int fd)
{
    int error = errno;
    add(record, "%s: %s\n", call, fd >= 0 ? "a descriptor" : strerrorname_np(error));
    return fd;
}

void record_bytes(struct record *record, const char *what, const void *bytes, size_t size)
{
    add(record, "%s: %zu bytes %08x\n", what, size, pattern_digest(bytes, size));
}

void record_fact(struct record *record, const char *what, bool holds)
{
    add(record, "%s: %s\n", what, holds ? "yes" : "no");
}

void record_broken(struct record *record, const char *what)
{
    add(record, "not to be had: %s: %s\n", what, strerror(errno));
    record->broken = true;
}

static void *act_later(void *argument)
{
    struct later *later = argument;
    int rounds = later->record->in_coroutine ? PATIENCE_ROUNDS : PLAIN_ROUNDS;
    while (rounds-- > 0 && atomic_load(&record_ticks) < later->ticks + TICKS)
        nanosleep(&(struct timespec){.tv_nsec = ROUND_NS}, NULL);
    if (later->record->in_coroutine && rounds < 0)
        later->record->stuck = true;
    later->act(later->argument);
    return NULL;
}

void later_begin(struct later *later, struct record *record, void (*act)(void *), void *argument)
{
    *later = (struct later){
        .record = record, .act = act, .argument = argument, .ticks = atomic_load(&record_ticks)};
    NEED(record, pthread_create(&later->thread, NULL, act_later, later) == 0);
}

void later_end(struct later *later)
{
    pthread_join(later->thread, NULL);
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

struct stretch stretch_begin(void)
{
    return (struct stretch){.ticks = atomic_load(&record_ticks), .began_ns = now_ns()};
}

void stretch_end(const struct stretch *stretch, struct record *record, long long least_ns)
{
    int error = errno;
    add(record, "waited for %lld ms: %s\n", least_ns / 1000000,
        now_ns() - stretch->began_ns >= least_ns ? "yes" : "no");
    if (record->in_coroutine && least_ns > 0 && atomic_load(&record_ticks) == stretch->ticks)
        record->stuck = true;
    errno = error;
}
