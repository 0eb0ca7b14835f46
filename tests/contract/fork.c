/* Forking with an executor open, and what else a pool of threads must bear. */
#include "../support/emulator.h"
#include "contract.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: nothing hangs, and all is told. Returns which step went wrong, or 0. */
static int use_copy(struct ovl_executor *executor, struct ovl_future *running,
                    struct ovl_future *queued, struct ovl_future *cancelled)
{
    struct ovl_future *more;
    int items[3] = {1, 2, 3};
    if (ovl_submit(executor, square, (struct ovl_bytes){items, sizeof *items}, &more) !=
        OVL_ECLOSED)
        return 1;
    if (ovl_map(executor, square, items, sizeof *items, items, sizeof *items, 3, NULL) !=
        OVL_ECLOSED)
        return 2;
    if (ovl_future_result(running, NULL) != OVL_ECLOSED)
        return 3;
    if (ovl_future_result(queued, NULL) != OVL_ECLOSED)
        return 4;
    ovl_future_cancel(cancelled);
    if (ovl_future_result(cancelled, NULL) != OVL_ECANCELED)
        return 5;
    ovl_executor_cancel(executor);
    if (ovl_executor_close(executor, OVL_FOREVER))
        return 6;
    ovl_future_free(running);
    ovl_future_free(queued);
    ovl_future_free(cancelled);
    if (the_model == OVL_CLUSTER) /* a child of a rank's is none */
        return 0;
    struct ovl_executor *own;
    if (ovl_executor_open(the_model, &(struct ovl_options){.workers = 2}, &own))
        return 7;
    if (ovl_map(own, square, items, sizeof *items, items, sizeof *items, 3, NULL))
        return 8;
    return ovl_executor_close(own, OVL_FOREVER) ? 9 : 0;
}

__attribute__((unused)) static void child_of_a_live_pool_goes_on(void)
{
    if (the_model == OVL_SYNC)
        return;
/* A thread that is not there may hold the lock of its allocator in the child. */
#ifdef __SANITIZE_ADDRESS__
    if (the_model != OVL_THREADS)
        return;
#endif
    if (!forks_can_start_threads())
        skip();
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_future *queued = submit(executor, square, &(int){3}, sizeof(int));
    struct ovl_future *cancelled = submit(executor, square, &(int){4}, sizeof(int));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(use_copy(executor, holder.future, queued, cancelled));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    holder_release(&holder);
    expect_bytes(queued, &(int){9}, sizeof(int));
    expect_bytes(cancelled, &(int){16}, sizeof(int));
    holder_end(&holder);
    close_all(executor);
}

/* Whatever a worker was in the middle of. */
static void forks_at_any_moment(void)
{
    if (the_model == OVL_SYNC)
        return;
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < SCALE(40, 8); i++) {
        for (int j = 0; j < 200; j++)
            ovl_future_free(submit(executor, square, &j, sizeof j));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(ovl_executor_close(executor, OVL_FOREVER) ? 1 : 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    close_all(executor);
}

/* --- a seeded mix of everything --- */

#define SLOTS 8

struct mix {
    uint64_t random;
    struct ovl_executor *executors[SLOTS];
    struct ovl_future *futures[SLOTS][SLOTS];
};

static unsigned draw(struct mix *mix, unsigned below)
{
    mix->random ^= mix->random << 13;
    mix->random ^= mix->random >> 7;
    mix->random ^= mix->random << 17;
    return (unsigned)(mix->random >> 33) % below;
}

static void end_future(struct ovl_future **future)
{
    if (*future) {
        int error = ovl_future_result(*future, NULL);
        assert_true(error == 0 || error == OVL_ECANCELED || error == OVL_ETIMEDOUT);
    }
    ovl_future_free(*future);
    *future = NULL;
}

static void drop_future(struct ovl_future **future)
{
    ovl_future_free(*future);
    *future = NULL;
}

static void end_executor(struct mix *mix, unsigned e)
{
    int error = ovl_executor_close(mix->executors[e], draw(mix, 2) ? OVL_FOREVER : 0);
    assert_true(error == 0 || error == OVL_ETIMEDOUT);
    mix->executors[e] = NULL;
    for (unsigned f = 0; f < SLOTS; f++)
        end_future(&mix->futures[e][f]);
}

static void act(struct mix *mix)
{
    unsigned e = draw(mix, SLOTS);
    unsigned f = draw(mix, SLOTS);
    struct ovl_future **future = &mix->futures[e][f];
    if (!mix->executors[e]) {
        mix->executors[e] = open_workers(1 + draw(mix, 3));
        return;
    }
    unsigned what = draw(mix, 100);
    if (what == 0)
        end_executor(mix, e);
    else if (what == 1)
        ovl_executor_cancel(mix->executors[e]);
    else if (what <= 20 && *future)
        ovl_future_cancel(*future);
    else if (what <= 50)
        end_future(future);
    else if (what <= 60)
        drop_future(future);
    else if (!*future)
        *future = submit(mix->executors[e], square, &(int){3}, sizeof(int));
}

static void random_lives(void)
{
    if (the_model != OVL_THREADS)
        return;
    const char *seed = getenv("OVL_TEST_SEED");
    struct mix mix = {.random = seed ? strtoull(seed, NULL, 0) | 1 : 0x9e3779b97f4a7c15};
    for (int i = 0; i < SCALE(100000, 10000); i++)
        act(&mix);
    for (unsigned e = 0; e < SLOTS; e++)
        if (mix.executors[e])
            end_executor(&mix, e);
}

/* Saturated, then all that is queued is cancelled. */
static void cancel_a_full_queue(void)
{
    enum { QUEUED = 1000 };
    if (the_model != OVL_THREADS)
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_future *futures[QUEUED];
    for (int i = 0; i < QUEUED; i++)
        futures[i] = submit(executor, count_call, NULL, 0);
    for (int i = 0; i < QUEUED; i++)
        ovl_future_cancel(futures[i]);
    for (int i = 0; i < QUEUED; i++)
        expect_error(futures[i], OVL_ECANCELED);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.cancelled, QUEUED);
    assert_int_equal(counts.queued, 0);
    holder_release(&holder);
    holder_end(&holder);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 0);
}

/* A worker that has nothing to do takes no processor. */
static void idle_workers_sleep(void)
{
    if (the_model != OVL_THREADS)
        return;
    struct ovl_executor *executor = open_workers(4);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    pause_ns(50 * OVL_MILLISECOND);
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    pause_ns(300 * OVL_MILLISECOND);
    getrusage(RUSAGE_SELF, &after);
    long used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L +
                   after.ru_utime.tv_usec - before.ru_utime.tv_usec;
    assert_true(used_us < 100000);
    close_all(executor);
}

int fork_cases(const char *only)
{
    const struct test_case cases[] = {
#ifndef __SANITIZE_THREAD__ /* which ends a child of fork that starts a thread */
        TEST_CASE(child_of_a_live_pool_goes_on),
#endif
        TEST_CASE(forks_at_any_moment),          TEST_CASE(random_lives),
        TEST_CASE(cancel_a_full_queue),          TEST_CASE(idle_workers_sleep),
    };
    return run_cases("fork", cases, COUNT_OF(cases), only);
}
