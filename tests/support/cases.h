/*
 * Cases: tests that run alone, each in a process of its own and with a time limit, so that one that
 * crashes or hangs costs itself alone.
 *
 * After each case the process has the descriptors, threads and children that it had before, or the
 * case has failed. cmocka's assertions belong to the case's own thread: tasks, threads and children
 * note what they see on the board, and the case looks there.
 */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#include <cmocka.h> /* which wants those above before it */

struct test_case {
    const char *name;
    void (*run)(void);
    const void *argument; /* for run, as case_argument */
    const char *valgrind; /* why it does not run there; NULL: it does */
};

/* The argument of the case that runs. */
extern const void *case_argument;

#define TEST_CASE(function)                                                                        \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Sanitized builds run the same with fewer repetitions. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#define SCALE(usual, sanitized) (SANITIZED ? (sanitized) : (usual))

/* How long anything may take that should happen at once. */
#define PATIENCE_NS (60 * (int64_t)1000000000)

/*
 * Runs every case whose name contains `only` (NULL: all), each in a child process.
 *
 * Returns how many failed, each named on standard error.
 */
int run_cases(const char *group, const struct test_case *cases, size_t count, const char *only);

/*
 * Where it is set, a case's process becomes the job that this starts, some program that calls
 * sets case_here in one of its processes: it does not return.
 */
extern void (*case_job)(const char *group, const struct test_case *test);

/* A file that holds the board, for processes that did not inherit it; NULL: none is needed. */
extern const char *board_path;

/* Runs the case of this name, if it is among these, in this process, and exits. */
extern const char *case_here;

/* Maps board_path as the board. Called by the processes that run no case themselves. */
bool board_map(void);

#define BOARD_NUMBERS 64
#define BOARD_MARKS   65536

/* Memory that tasks, threads and children share with the case: made anew, and zero, for each case.
 */
struct board {
    atomic_long number[BOARD_NUMBERS];
    atomic_int mark[BOARD_MARKS];
    _Atomic(void *) pointer[BOARD_NUMBERS]; /* only of use within one process */
    struct wire wire;                       /* for tasks that find it in no item */
};

extern struct board *board;

#endif
