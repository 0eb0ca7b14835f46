/* Deadlines of tasks. */
#include "contract.h"
#include <errno.h>
#include <unistd.h>

static void wait_until(ovl_time deadline)
{
    while (ovl_now() < deadline)
        pause_ns(OVL_MILLISECOND);
}

static void deadline_ends_what_runs(void)
{
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < 3; i++) {
        ovl_time deadline;
        expect_error(submit_dated(executor, until_cancelled, &begun, sizeof begun, &deadline),
                     OVL_ETIMEDOUT);
        assert_true(ovl_now() >= deadline);
        expect_bytes(submit(executor, square, &i, sizeof i), &(int){i * i}, sizeof i);
    }
    assert_int_equal(checked_counts(executor).failed, 3);
    close_all(executor);
    wire_close(&begun);
}

static void deadline_that_passed_keeps_a_task_from_beginning(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_submit_options options = {.deadline = ovl_now() - 1};
    struct ovl_future *future = submit_with(executor, count_call, NULL, 0, &options);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_int_equal(outcome.attempts, 0);
    assert_int_equal(outcome.worker, OVL_NO_WORKER);
    expect_error(future, OVL_ETIMEDOUT);
    checked_counts(executor);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 0);
}

static void deadline_passes_in_the_queue(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_submit_options options = {.deadline = ovl_after(10 * OVL_MILLISECOND)};
    struct ovl_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = submit_with(executor, count_call, NULL, 0, i % 2 ? &options : NULL);
    wait_until(options.deadline);
    holder_release(&holder);
    for (int i = 0; i < 20; i++) {
        if (i % 2)
            assert_int_equal(ovl_future_outcome(futures[i]).attempts, 0);
        expect_error(futures[i], i % 2 ? OVL_ETIMEDOUT : 0);
    }
    holder_end(&holder);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, 11);
    assert_int_equal(counts.submitted, 21);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 10);
}

static void deadline_to_come_changes_nothing(void)
{
    struct ovl_executor *executor = open_workers(2);
    const struct ovl_submit_options options[] = {
        {.deadline = ovl_after(3600 * OVL_SECOND)},
        {.deadline = OVL_FOREVER},
        {.deadline = OVL_FOREVER - 1},
    };
    for (int i = 0; i < 50; i++)
        expect_bytes(submit_with(executor, square, &i, sizeof i, &options[i % 3]), &(int){i * i},
                     sizeof i);
    ovl_time start = ovl_now();
    close_all(executor);
    assert_true(ovl_now() - start < PATIENCE_NS);
}

static int succeed_late(struct ovl_task *task, struct ovl_bytes item)
{
    until_cancelled(task, item);
    return ovl_task_return(task, "late", 4);
}

static void task_may_end_well_although_late(void)
{
    if (!shares_memory())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    ovl_time deadline;
    expect_bytes(submit_dated(executor, succeed_late, &begun, sizeof begun, &deadline), "late", 4);
    close_all(executor);
    wire_close(&begun);
}

static int never_ends(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    while (item.data)
        pause();
    return 0;
}

static void deadline_ends_what_never_looks(void)
{
    if (the_model != OVL_PROCESSES)
        return;
    struct ovl_executor *executor = open_workers(2);
    struct ovl_submit_options options = {.deadline = ovl_after(30 * OVL_MILLISECOND)};
    struct ovl_future *futures[6];
    for (int i = 0; i < 6; i++)
        futures[i] = submit_with(executor, i < 2 ? never_ends : square, &i, sizeof i,
                                 i < 2 ? &options : NULL);
    for (int i = 0; i < 6; i++) {
        if (i < 2)
            expect_error(futures[i], OVL_ETIMEDOUT);
        else
            expect_bytes(futures[i], &(int){i * i}, sizeof i);
    }
    close_all(executor);
}

/* The deadline wakes nobody but its own task. */
static void deadlines_are_each_task_s_own(void)
{
    enum { TASKS = 6 };
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(TASKS);
    ovl_time start = ovl_now();
    struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        struct ovl_submit_options options = {.deadline = start + (i + 1) * 20 * OVL_MILLISECOND};
        futures[i] = submit_with(executor, until_cancelled, &begun, sizeof begun, &options);
    }
    for (int i = 0; i < TASKS; i++) {
        expect_error(futures[i], OVL_ETIMEDOUT);
        assert_true(ovl_now() >= start + (i + 1) * 20 * OVL_MILLISECOND);
    }
    close_all(executor);
    wire_close(&begun);
}

int deadline_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(deadline_ends_what_runs),
        TEST_CASE(deadline_that_passed_keeps_a_task_from_beginning),
        TEST_CASE(deadline_passes_in_the_queue),
        TEST_CASE(deadline_to_come_changes_nothing),
        TEST_CASE(task_may_end_well_although_late),
        TEST_CASE(deadline_ends_what_never_looks),
        TEST_CASE(deadlines_are_each_task_s_own),
    };
    return run_cases("deadline", cases, COUNT_OF(cases), only);
}
