/* What workers are that the system knows: their names, their processors, and what waits cost. */
#include "contract.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

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

int threads_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(workers_have_names),
        TEST_CASE(workers_are_pinned_where_asked),
        TEST_CASE(tasks_that_wait_starve_no_others),
        TEST_CASE(tasks_that_run_keep_to_the_limit),
    };
    return run_cases("threads", cases, COUNT_OF(cases), only);
}
