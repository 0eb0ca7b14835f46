/* Closing: draining, and cancelling where there is no time for it. */
#include "contract.h"
#include <errno.h>
#include <stdlib.h>

static int count_slowly(struct ovl_task *task, struct ovl_bytes item)
{
    pause_ns(OVL_MILLISECOND);
    return count_call(task, item);
}

static void close_drains(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[200];
    for (int i = 0; i < 200; i++)
        futures[i] = submit(executor, count_slowly, NULL, 0);
    assert_int_equal(ovl_executor_close(executor, ovl_after(PATIENCE_NS)), 0);
    assert_int_equal(atomic_load(&board->number[0]), 200);
    for (int i = 0; i < 200; i++) {
        assert_true(ovl_future_done(futures[i]));
        expect_error(futures[i], 0);
    }
}

static void close_of_nothing(void)
{
    assert_int_equal(ovl_executor_close(NULL, 0), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ovl_executor_close(open_workers(2), 0), 0);
}

static void close_after_the_end_needs_no_time(void)
{
    struct ovl_executor *executor = open_workers(2);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    assert_int_equal(ovl_executor_close(executor, 0), 0);
}

static void close_cancels_after(ovl_time delay_ns)
{
    enum { WORKERS = 2, QUEUED = 20 };
    if (runs_in_submit())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(WORKERS);
    struct ovl_future *futures[WORKERS + QUEUED];
    for (int i = 0; i < WORKERS; i++)
        futures[i] = submit(executor, until_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, WORKERS));
    for (int i = WORKERS; i < WORKERS + QUEUED; i++)
        futures[i] = submit(executor, count_call, NULL, 0);
    ovl_time deadline = delay_ns ? ovl_after(delay_ns) : 0;
    assert_int_equal(ovl_executor_close(executor, deadline), OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    for (int i = 0; i < WORKERS + QUEUED; i++) {
        assert_true(ovl_future_done(futures[i]));
        expect_error(futures[i], OVL_ECANCELED);
    }
    assert_int_equal(atomic_load(&board->number[0]), 0);
    wire_close(&begun);
}

static void close_without_time_cancels(void)
{
    close_cancels_after(0);
}

static void close_cancels_when_time_is_up(void)
{
    close_cancels_after(40 * OVL_MILLISECOND);
}

/*
 * A task that never looks keeps its worker, and close does not wait for it; but under async its
 * wait fails, and under processes its worker is ended.
 */
static void close_leaves_behind_what_never_looks(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(2);
    holder_begin(&holder, executor);
    assert_int_equal(ovl_executor_close(executor, 0), OVL_ETIMEDOUT);
    holder_release(&holder);
    assert_int_equal(ovl_future_wait(holder.future, ovl_after(PATIENCE_NS)), 0);
    if (the_model == OVL_THREADS)
        holder_end(&holder);
    else {
        expect_error(holder.future, OVL_ECANCELED);
        wire_close(&holder.item.begun);
        wire_close(&holder.item.release);
    }
}

/* Waits, then submits a task of its own: it is run, or refused as closed, and never lost. */
static int submit_late(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pause_ns(5 * OVL_MILLISECOND);
    struct ovl_future *child;
    int error = ovl_submit(ovl_task_executor(task), count_call, (struct ovl_bytes){0}, &child);
    if (error)
        return error;
    error = ovl_future_result(child, NULL);
    ovl_future_free(child);
    return error;
}

static void tasks_submitted_while_closing_are_run_or_refused(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = submit(executor, submit_late, NULL, 0);
    close_all(executor);
    int refused = 0;
    for (int i = 0; i < 10; i++) {
        int error = ovl_future_result(futures[i], NULL);
        assert_true(error == 0 || error == OVL_ECLOSED);
        refused += error != 0;
        ovl_future_free(futures[i]);
    }
    assert_int_equal(atomic_load(&board->number[0]), 10 - refused);
}

static void several_executors_at_once(void)
{
    if (one_at_a_time())
        return;
    struct ovl_executor *executors[5];
    struct ovl_future *futures[5];
    for (int i = 0; i < 5; i++)
        executors[i] = open_workers(2);
    for (int i = 0; i < 5; i++)
        futures[i] = submit(executors[i], square, &i, sizeof i);
    for (int i = 4; i >= 0; i--)
        close_all(executors[i]);
    for (int i = 0; i < 5; i++)
        expect_bytes(futures[i], &(int){i * i}, sizeof i);
}

static void executors_may_close_in_any_order(void)
{
    if (one_at_a_time())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *first = open_workers(1);
    struct ovl_executor *second = open_workers(1);
    if (!runs_in_submit())
        holder_begin(&holder, second);
    close_all(first);
    holder_release(&holder);
    if (runs_in_submit())
        holder_begin(&holder, second);
    holder_end(&holder);
    close_all(second);
}

int close_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(close_drains),
        TEST_CASE(close_of_nothing),
        TEST_CASE(close_after_the_end_needs_no_time),
        TEST_CASE(close_without_time_cancels),
        TEST_CASE(close_cancels_when_time_is_up),
        TEST_CASE(close_leaves_behind_what_never_looks),
        TEST_CASE(tasks_submitted_while_closing_are_run_or_refused),
        TEST_CASE(several_executors_at_once),
        TEST_CASE(executors_may_close_in_any_order),
    };
    return run_cases("close", cases, COUNT_OF(cases), only);
}
