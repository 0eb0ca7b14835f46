/*
 * Calls by their number, futexes above all, as unsuspecting code makes them. Compiled twice, under
 * the name CASES_FUTEXES: plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

struct word {
    atomic_uint value;
    int how; /* FUTEX_PRIVATE_FLAG or 0 */
};

static long futex_wait(struct word *word, int operation, unsigned value,
                       const struct timespec *timeout)
{
    return syscall(SYS_futex, &word->value, operation | word->how, value, timeout, NULL,
                   FUTEX_BITSET_MATCH_ANY);
}

static void change_and_wake(void *argument)
{
    struct word *word = argument;
    atomic_store(&word->value, 2);
    syscall(SYS_futex, &word->value, FUTEX_WAKE | word->how, 1);
}

/* Outside of coroutines nobody knows whether the call had begun to wait by then. */
static bool is_over(long result)
{
    return !result || errno == EAGAIN;
}

static void futexes_are_waited_for(struct record *record)
{
    static const int operations[] = {FUTEX_WAIT, FUTEX_WAIT_BITSET};
    for (size_t i = 0; i < 4; i++) {
        struct word word = {.value = 1, .how = i < 2 ? FUTEX_PRIVATE_FLAG : 0};
        struct later later;
        CALL(record, futex_wait(&word, operations[i % 2], 0, NULL));
        later_begin(&later, record, change_and_wake, &word);
        FACT(record, is_over(futex_wait(&word, operations[i % 2], 1, NULL)));
        later_end(&later);
        CALL(record, atomic_load(&word.value));
        CALL(record, futex_wait(&word, operations[i % 2], 1, NULL));
    }
}

static void futexes_time_out(struct record *record)
{
    struct timespec length = {.tv_nsec = 30 * MS};
    struct timespec none = {.tv_nsec = -1};
    struct timespec zero = {0};
    struct timespec soon;
    /* Each its own: who has left a word may be followed there by a wake that says nothing. */
    struct word words[3] = {{.value = 1}, {.value = 1}, {.value = 1}};
    struct word word = {.value = 1, .how = FUTEX_PRIVATE_FLAG};
    struct stretch stretch = stretch_begin();
    CALL(record, futex_wait(&words[2], FUTEX_WAIT, 1, &length));
    stretch_end(&stretch, record, 29 * MS);
    CALL(record, futex_wait(&word, FUTEX_WAIT, 1, &zero));
    CALL(record, futex_wait(&word, FUTEX_WAIT, 1, &none));
    CALL(record, futex_wait(&word, FUTEX_WAIT_BITSET, 1, &none));
    CALL(record, futex_wait(&word, FUTEX_WAIT_BITSET, 1, &length)); /* which is long ago */
    for (int clock = 0; clock < 2; clock++) {
        NEED(record, clock_gettime(clock ? CLOCK_REALTIME : CLOCK_MONOTONIC, &soon) == 0);
        soon.tv_sec++;
        stretch = stretch_begin();
        CALL(record, futex_wait(&words[clock],
                                FUTEX_WAIT_BITSET | (clock ? FUTEX_CLOCK_REALTIME : 0), 1, &soon));
        stretch_end(&stretch, record, 500 * MS);
    }
}

static void other_calls_by_number_go_through(struct record *record)
{
    struct word word = {.value = 1};
    char byte = 'x';
    int fds[2];
    FACT(record, syscall(SYS_getpid) == getpid());
    CALL(record, syscall(SYS_futex, &word.value, FUTEX_WAKE, 1));
    CALL(record, syscall(SYS_futex, &word.value, 4711, 1, NULL, NULL, 0));
    CALL(record, syscall(SYS_futex, NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
    CALL(record, syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
    CALL(record, syscall(SYS_futex, &word.value, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0));
    CALL(record, syscall(-1L));
    NEED(record, syscall(SYS_pipe2, fds, O_CLOEXEC) == 0);
    CALL(record, syscall(SYS_splice, fds[0], NULL, fds[1], NULL, 1, 2)); /* six of them */
    CALL(record, syscall(SYS_write, fds[1], &byte, 1));
    CALL(record, syscall(SYS_read, fds[0], &byte, 1));
    close(fds[0]);
    close(fds[1]);
}

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES_FUTEXES[] = {
    CASE(futexes_are_waited_for),
    CASE(futexes_time_out),
    CASE(other_calls_by_number_go_through),
    {0},
};
