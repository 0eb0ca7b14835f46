/*
 * What is of threads alone: what the system knows of workers, their names and processors (of
 * processes, too); what waits cost; and what a pool of threads must bear.
 */
#include "contract.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static bool has_workers_of_the_system(void)
{
    return the_model == OVL_THREADS || the_model == OVL_PROCESSES;
}

static int tell_name(struct ovl_task *task, struct ovl_bytes item)
{
    char name[16];
    (void)item;
    return prctl(PR_GET_NAME, name) ? -errno : ovl_task_return(task, name, strlen(name) + 1);
}

static void expect_name(const char *wanted, const char *name)
{
    struct ovl_executor *executor = open_with(&(struct ovl_options){.workers = 1, .name = wanted});
    expect_bytes(submit(executor, tell_name, NULL, 0), name, strlen(name) + 1);
    close_all(executor);
}

static void workers_have_names(void)
{
    if (!has_workers_of_the_system())
        return;
    expect_name(NULL, "ovl-0");
    expect_name("resize", "resize-0");
    expect_name("0123456789 and more", "0123456789-0");
}

static int tell_processors(struct ovl_task *task, struct ovl_bytes item)
{
    cpu_set_t set;
    (void)item;
    int error = sched_getaffinity(0, sizeof set, &set) ? -errno : 0;
    return error ? error : ovl_task_return(task, &set, sizeof set);
}

static int processors_of_worker(bool pinned)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 1, .pinned = pinned});
    struct ovl_future *future = submit(executor, tell_processors, NULL, 0);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    cpu_set_t set;
    memcpy(&set, result.data, sizeof set);
    ovl_future_free(future);
    close_all(executor);
    return CPU_COUNT(&set);
}

static void workers_are_pinned_where_asked(void)
{
    if (!has_workers_of_the_system())
        return;
    cpu_set_t own;
    assert_int_equal(sched_getaffinity(0, sizeof own, &own), 0);
    assert_int_equal(processors_of_worker(false), CPU_COUNT(&own));
    assert_int_equal(processors_of_worker(true), 1);
}

static int await_wire(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return wire_await(item.data, 1) ? 0 : -EPIPE;
}

static int tell_wire(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    wire_tell(item.data, 1);
    return 0;
}

/* All but the last wait for what the last one tells: none starves behind them. */
static void tasks_that_wait_starve_no_others(void)
{
    enum { WAITING = 7, ROUNDS = 20 };
    if (the_model != OVL_THREADS)
        return;
    struct ovl_executor *executor = open_with(
        &(struct ovl_options){.workers = WAITING + 1, .limit = 1, .waits_are_free = true});
    for (int round = 0; round < ROUNDS; round++) {
        struct wire wire = wire_open();
        struct ovl_future *futures[WAITING];
        for (int i = 0; i < WAITING; i++)
            futures[i] = submit(executor, await_wire, &wire, sizeof wire);
        for (int i = 0; i < WAITING; i++)
            expect_error(submit(executor, tell_wire, &wire, sizeof wire), 0);
        for (int i = 0; i < WAITING; i++)
            expect_error(futures[i], 0);
        wire_close(&wire);
    }
    close_all(executor);
}

enum { AT_ONCE, MOST, TASKS = 50 };

static int compute(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    long at_once = atomic_fetch_add(&board->number[AT_ONCE], 1) + 1;
    long most = atomic_load(&board->number[MOST]);
    while (at_once > most && !atomic_compare_exchange_weak(&board->number[MOST], &most, at_once))
        ;
    for (volatile int i = 0; i < 20000; i++)
        ;
    atomic_fetch_sub(&board->number[AT_ONCE], 1);
    return 0;
}

/* With nothing that waits the limit is what it is without. */
static void tasks_that_run_keep_to_the_limit(void)
{
    if (the_model != OVL_THREADS)
        return;
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 8, .limit = 2, .waits_are_free = true});
    assert_int_equal(ovl_map(executor, compute, NULL, 0, NULL, 0, TASKS, NULL), 0);
    struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, compute, NULL, 0);
    for (int i = 0; i < TASKS; i++)
        expect_error(futures[i], 0);
    assert_true(atomic_load(&board->number[MOST]) <= 2);
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

int threads_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(workers_have_names),
        TEST_CASE(workers_are_pinned_where_asked),
        TEST_CASE(tasks_that_wait_starve_no_others),
        TEST_CASE(tasks_that_run_keep_to_the_limit),
        TEST_CASE(random_lives),
        TEST_CASE(cancel_a_full_queue),
        TEST_CASE(idle_workers_sleep),
    };
    return run_cases("threads", cases, COUNT_OF(cases), only);
}
