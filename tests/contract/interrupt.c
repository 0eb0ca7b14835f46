/*
 * Signals to the program at random moments: done + failed + not started = asked for, every time.
 * The moments follow from a seed, which is printed: set OVL_TEST_SEED to have the same again.
 */
#include "contract.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS SCALE(60, 20)
#define TASKS   SCALE(1000, 200)

static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    const int *number = item.data;
    if (*number % 50 == 0)
        pause_ns(300 * OVL_MICROSECOND);
    return ovl_task_return(task, number, sizeof *number);
}

/* How many tasks had which fate. */
struct fates {
    size_t well;
    size_t cancelled;
};

static void add_fate(struct fates *fates, int error)
{
    assert_true(error == 0 || error == OVL_ECANCELED);
    fates->well += error == 0;
    fates->cancelled += error != 0;
}

static void map_some(struct ovl_executor *executor, struct fates *fates)
{
    static int items[TASKS], results[TASKS];
    static struct ovl_outcome outcomes[TASKS];
    for (int i = 0; i < TASKS; i++)
        items[i] = i + 1;
    ovl_map(executor, nap, items, sizeof *items, results, sizeof *results, TASKS, outcomes);
    for (int i = 0; i < TASKS; i++) {
        add_fate(fates, outcomes[i].error);
        assert_int_equal(results[i], outcomes[i].error ? 0 : items[i]);
    }
}

static void submit_some(struct ovl_executor *executor, struct fates *fates)
{
    static struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, nap, &i, sizeof i);
    for (int i = 0; i < TASKS; i++) {
        struct ovl_bytes result;
        int error = ovl_future_result(futures[i], &result);
        add_fate(fates, error);
        if (!error)
            assert_int_equal(*(const int *)result.data, i);
        ovl_future_free(futures[i]);
    }
}

static void expect_fates(struct ovl_executor *executor, const struct fates *fates)
{
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, fates->well);
    assert_int_equal(counts.failed + counts.cancelled, fates->cancelled);
    assert_int_equal(counts.submitted, fates->well + fates->cancelled);
}

/* --- who sends them --- */

struct sender {
    int number;
    struct ovl_executor *executor; /* to be cancelled each time it was heard; NULL: nobody is */
    uint64_t seed;
    atomic_bool over;
    pthread_t thread;
};

static struct wire heard;

static void hear(int number)
{
    (void)number;
    wire_tell(&heard, 1);
}

static void mask(int how, int number)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    pthread_sigmask(how, &one, NULL);
}

/* As a terminal's Ctrl-C does: every process of the group gets the signal. */
static void *send_now_and_then(void *argument)
{
    struct sender *sender = argument;
    mask(SIG_UNBLOCK, sender->number);
    for (int i = 0; i < SIGNALS; i++) {
        pause_ns((ovl_time)(pattern_random(&sender->seed) % (5 * OVL_MILLISECOND)));
        kill(sender->number == SIGINT ? 0 : getpid(), sender->number);
        wire_await(&heard, 1);
        if (sender->executor)
            ovl_executor_cancel(sender->executor);
    }
    atomic_store(&sender->over, true);
    return NULL;
}

/* The handler ends waits early. */
static void sender_begin(struct sender *sender)
{
    const char *given = getenv("OVL_TEST_SEED");
    sender->seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "signals: OVL_TEST_SEED=%llu\n", (unsigned long long)sender->seed);
    heard = wire_open();
    assert_int_equal(sigaction(sender->number, &(struct sigaction){.sa_handler = hear}, NULL), 0);
    assert_int_equal(pthread_create(&sender->thread, NULL, send_now_and_then, sender), 0);
}

static void sender_end(struct sender *sender)
{
    pthread_join(sender->thread, NULL);
    wire_close(&heard);
}

/* --- Ctrl-C, and a cancel in answer to it, as the command does it --- */

static void interrupted_at_random_moments(void)
{
    struct sender sender = {.number = SIGINT};
    struct fates fates = {0};
    mask(SIG_BLOCK, SIGINT); /* a thread of its own hears it */
    sender.executor = open_workers(2);
    sender_begin(&sender);
    while (!atomic_load(&sender.over)) {
        map_some(sender.executor, &fates);
        submit_some(sender.executor, &fates);
    }
    sender_end(&sender);
    expect_fates(sender.executor, &fates);
    expect_bytes(submit(sender.executor, square, &(int){3}, sizeof(int)), &(int){9}, sizeof(int));
    close_all(sender.executor);
}

/* --- signals that mean nothing, while executors are opened, used and closed --- */

__attribute__((unused)) static void signals_disturb_nothing(void)
{
    struct sender sender = {.number = SIGUSR1};
    sender_begin(&sender);
    while (!atomic_load(&sender.over)) {
        struct fates fates = {0};
        struct ovl_executor *executor = open_workers(2);
        map_some(executor, &fates);
        submit_some(executor, &fates);
        assert_int_equal(fates.cancelled, 0);
        expect_fates(executor, &fates);
        close_all(executor);
    }
    sender_end(&sender);
}

int interrupt_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(interrupted_at_random_moments),
#ifndef __SANITIZE_THREAD__ /* which has no handler run in a thread that just begins */
        TEST_CASE(signals_disturb_nothing),
#endif
    };
    return run_cases("interrupt", cases, COUNT_OF(cases), only);
}
