/*
 * Records: what the calls of a case gave, as lines of text, so that two runs of it can be compared
 * byte for byte; and helpers that act once a call has begun to wait.
 */
#ifndef TESTS_HOOKS_RECORD_H
#define TESTS_HOOKS_RECORD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct record {
    char text[16384];
    size_t length;
    bool in_coroutine; /* others must go on while a call waits */
    bool stuck;        /* a call that waited did not let others go on */
    bool broken;       /* what the case needs could not be made */
};

/* Goes up while coroutines of the same thread as the case's get their turn. */
extern atomic_long record_ticks;

/* Adds a call's value, and errno where it is negative. Returns the value. */
long record_call(struct record *record, const char *call, long value);

/* As record_call, of a descriptor, whose number is of no account. */
int record_fd(struct record *record, const char *call, int fd);

/* Adds bytes, by a sum of them. */
void record_bytes(struct record *record, const char *what, const void *bytes, size_t size);

/* Adds whether something holds. */
void record_fact(struct record *record, const char *what, bool holds);

/* Notes that what the case needs could not be made. */
void record_broken(struct record *record, const char *what);

#define CALL(record, expression)    record_call((record), #expression, (long)(expression))
#define CALL_FD(record, expression) record_fd((record), #expression, (expression))
#define FACT(record, expression)    record_fact((record), #expression, (expression))
#define NEED(record, expression)                                                                   \
    do                                                                                             \
        if (!(expression))                                                                         \
            record_broken((record), #expression);                                                  \
    while (0)

/* Somebody else, who acts while a call of the case waits. */
struct later {
    struct record *record;
    void (*act)(void *argument);
    void *argument;
    long ticks;
    pthread_t thread;
};

/*
 * Calls act(argument) in another thread, once others were seen to go on: at once, where the case is
 * no coroutine, give or take some milliseconds. Call it just before the call that is to wait.
 */
void later_begin(struct later *later, struct record *record, void (*act)(void *), void *argument);

/* Waits until it has acted. */
void later_end(struct later *later);

/* A stretch in which the case must wait, and others go on, without anybody's help. */
struct stretch {
    long ticks;
    long long began_ns;
};

struct stretch stretch_begin(void);

/* Records whether it lasted for `least_ns`. */
void stretch_end(const struct stretch *stretch, struct record *record, long long least_ns);

/* A case: the calls of libc that it makes are compared. */
struct hook_case {
    const char *name;
    void (*run)(struct record *record);
};

/* The same source, compiled plainly and with -D_FORTIFY_SOURCE=3; a case without a name ends each.
 */
extern const struct hook_case cases_files_plain[];
extern const struct hook_case cases_files_fortified[];
extern const struct hook_case cases_futexes_plain[];
extern const struct hook_case cases_futexes_fortified[];
extern const struct hook_case cases_io_plain[];
extern const struct hook_case cases_io_fortified[];
extern const struct hook_case cases_locks_plain[];
extern const struct hook_case cases_locks_fortified[];
extern const struct hook_case cases_others_plain[];
extern const struct hook_case cases_others_fortified[];
extern const struct hook_case cases_prints_plain[];
extern const struct hook_case cases_prints_fortified[];
extern const struct hook_case cases_queues_plain[];
extern const struct hook_case cases_queues_fortified[];
extern const struct hook_case cases_signals_plain[];
extern const struct hook_case cases_signals_fortified[];
extern const struct hook_case cases_sockets_plain[];
extern const struct hook_case cases_sockets_fortified[];
extern const struct hook_case cases_streams_plain[];
extern const struct hook_case cases_streams_fortified[];
extern const struct hook_case cases_waits_plain[];
extern const struct hook_case cases_waits_fortified[];

#endif
