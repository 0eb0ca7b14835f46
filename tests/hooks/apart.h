/*
 * What the files of the test `apart` share: another process, which holds what a coroutine of this
 * one waits for, and how often the system is asked meanwhile.
 */
#ifndef TESTS_HOOKS_APART_H
#define TESTS_HOOKS_APART_H

#include "../support/cases.h"

#include <overlap.h>
#include <pthread.h>
#include <sys/types.h>

#define ROUNDS SCALE(200, 50)

/* What both see. */
struct shared {
    pthread_rwlock_t rwlock;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int value;
    int files[2];             /* one file, opened twice */
    int messages, semaphores; /* System V's, which have nothing in them */
};

extern struct shared *shared;

void shared_open(void);
void shared_close(void);

/* It does its part, says so, and goes on when it is told to. */
struct other {
    pid_t process;
    int says[2];
    int hears[2];
};

void say(int fd);
void hear(int fd);
void other_begin(struct other *other, int (*part)(struct other *other));
int other_end(struct other *other);

/*
 * A coroutine waits, by `fn`, while its loop goes on; then the other process ends that. The system
 * is asked so often.
 */
void expect_one_wait(int (*part)(struct other *other), ovl_coroutine_fn *fn, int asks);

/* The same where no thread is to be had, however often the system is asked. */
void without_threads(int (*part)(struct other *other), ovl_coroutine_fn *fn);

/* The cases of the other files, as run_cases. */
int run_system_v_cases(const char *only);
int run_condition_cases(const char *only);

#endif
