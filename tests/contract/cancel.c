/* Cancelling what is queued, what runs, and what has ended. */
#include "contract.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static void cancel_what_is_queued(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = submit(executor, count_call, NULL, 0);
    for (int i = 0; i < 10; i += 2)
        ovl_future_cancel(futures[i]);
    ovl_future_cancel(futures[0]);
    for (int i = 0; i < 10; i += 2) {
        struct ovl_outcome outcome = ovl_future_outcome(futures[i]);
        assert_int_equal(outcome.attempts, 0);
        assert_int_equal(outcome.worker, OVL_NO_WORKER);
        expect_error(futures[i], OVL_ECANCELED);
    }
    assert_int_equal(checked_counts(executor).cancelled, 5);
    holder_release(&holder);
    for (int i = 1; i < 10; i += 2)
        expect_error(futures[i], 0);
    holder_end(&holder);
    assert_int_equal(checked_counts(executor).done, 6);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 5);
}

static void cancel_what_runs(void)
{
    if (runs_in_submit())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < 3; i++) {
        struct ovl_future *future = submit(executor, until_cancelled, &begun, sizeof begun);
        assert_true(wire_await(&begun, 1));
        ovl_future_cancel(future);
        struct ovl_outcome outcome = ovl_future_outcome(future);
        assert_int_equal(outcome.attempts, 1);
        assert_int_equal(outcome.worker, 0);
        expect_error(future, OVL_ECANCELED);
        expect_bytes(submit(executor, square, &i, sizeof i), &(int){i * i}, sizeof i);
    }
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.failed, 3);
    assert_int_equal(counts.cancelled, 0);
    close_all(executor);
    wire_close(&begun);
}

static void cancel_one_of_many_that_run(void)
{
    if (runs_in_submit())
        return;
    struct wire begun = wire_open();
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(2);
    holder_begin(&holder, executor);
    struct ovl_future *future = submit(executor, until_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, 1));
    ovl_future_cancel(future);
    expect_error(future, OVL_ECANCELED);
    assert_false(ovl_future_done(holder.future));
    holder_release(&holder);
    holder_end(&holder);
    close_all(executor);
    wire_close(&begun);
}

struct canceller {
    struct wire begun;
    _Atomic(struct ovl_executor *) executor;
};

static void *cancel_when_begun(void *argument)
{
    struct canceller *canceller = argument;
    if (wire_await(&canceller->begun, 1))
        ovl_executor_cancel(canceller->executor);
    return NULL;
}

/* Under sync too: another thread asks the task to end. */
static void other_thread_cancels_what_runs(void)
{
    struct canceller canceller = {.begun = wire_open()};
    struct ovl_executor *executor = open_workers(1);
    canceller.executor = executor;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_begun, &canceller), 0);
    struct ovl_future *future =
        submit(executor, until_cancelled, &canceller.begun, sizeof canceller.begun);
    expect_error(future, OVL_ECANCELED);
    pthread_join(thread, NULL);
    expect_bytes(submit(executor, square, &(int){2}, sizeof(int)), &(int){4}, sizeof(int));
    assert_int_equal(checked_counts(executor).failed, 1);
    close_all(executor);
    wire_close(&canceller.begun);
}

static int succeed_when_cancelled(struct ovl_task *task, struct ovl_bytes item)
{
    until_cancelled(task, item);
    return ovl_task_return(task, "kept", 4);
}

static void task_may_end_well_although_cancelled(void)
{
    if (runs_in_submit() || !shares_memory())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, succeed_when_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, 1));
    ovl_future_cancel(future);
    expect_bytes(future, "kept", 4);
    close_all(executor);
    wire_close(&begun);
}

static int never_ends(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct wire begun = *(const struct wire *)item.data;
    wire_tell(&begun, 1);
    while (item.data)
        pause();
    return 0;
}

static int computes_for_ever(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct wire begun = *(const struct wire *)item.data;
    wire_tell(&begun, 1);
    for (volatile unsigned i = 0; item.data; i++)
        ;
    return 0;
}

static void cancel_what_never_looks(void)
{
    if (the_model != OVL_PROCESSES)
        return;
    static ovl_task_fn *const tasks[] = {never_ends, computes_for_ever};
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        struct ovl_future *future = submit(executor, tasks[i], &begun, sizeof begun);
        assert_true(wire_await(&begun, 1));
        ovl_future_cancel(future);
        expect_error(future, OVL_ECANCELED);
        expect_bytes(submit(executor, square, &(int){3}, sizeof(int)), &(int){9}, sizeof(int));
    }
    close_all(executor);
    wire_close(&begun);
}

static void cancel_all(void)
{
    enum { WORKERS = 2, QUEUED = 50 };
    if (runs_in_submit())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(WORKERS);
    struct ovl_future *running[WORKERS];
    struct ovl_future *queued[QUEUED];
    for (int i = 0; i < WORKERS; i++)
        running[i] = submit(executor, until_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, WORKERS));
    for (int i = 0; i < QUEUED; i++)
        queued[i] = submit(executor, count_call, NULL, 0);
    ovl_executor_cancel(executor);
    for (int i = 0; i < QUEUED; i++)
        expect_error(queued[i], OVL_ECANCELED);
    for (int i = 0; i < WORKERS; i++)
        expect_error(running[i], OVL_ECANCELED);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.cancelled, QUEUED);
    assert_int_equal(counts.failed, WORKERS);
    assert_int_equal(atomic_load(&board->number[0]), 0);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 1);
    wire_close(&begun);
}

static void cancel_all_of_nothing(void)
{
    struct ovl_executor *executor = open_workers(2);
    ovl_executor_cancel(executor);
    ovl_executor_cancel(executor);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    ovl_executor_cancel(executor);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    close_all(executor);
}

static void cancel_after_the_end_changes_nothing(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *future = submit(executor, echo, "text", 4);
    assert_int_equal(ovl_future_wait(future, OVL_FOREVER), 0);
    ovl_future_cancel(future);
    ovl_future_cancel(future);
    ovl_executor_cancel(executor);
    expect_bytes(future, "text", 4);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, 1);
    assert_int_equal(counts.cancelled, 0);
    expect_bytes(submit(executor, echo, "more", 4), "more", 4);
    close_all(executor);
}

static void cancelled_future_may_be_freed_at_once(void)
{
    enum { ROUNDS = SCALE(2000, 300) };
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < ROUNDS; i++) {
        struct ovl_future *future = submit(executor, square, &i, sizeof i);
        ovl_future_cancel(future);
        ovl_future_free(future);
    }
    assert_int_equal(checked_counts(executor).submitted, ROUNDS);
    close_all(executor);
}

/* Cancels race with beginnings and ends: whichever comes first, the outcome is one of the two. */
static void cancel_races_with_the_end(void)
{
    enum { ROUNDS = SCALE(1000, 200) };
    struct ovl_executor *executor = open_workers(2);
    size_t well = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct ovl_future *future = submit(executor, square, &i, sizeof i);
        if (i % 3)
            ovl_future_wait(future, ovl_after(i % 50 * OVL_MICROSECOND));
        ovl_future_cancel(future);
        struct ovl_bytes result;
        int error = ovl_future_result(future, &result);
        assert_true(error == 0 || error == OVL_ECANCELED);
        if (!error)
            assert_int_equal(*(const int *)result.data, i * i);
        well += !error;
        ovl_future_free(future);
    }
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, well);
    assert_int_equal(counts.failed + counts.cancelled, ROUNDS - well);
    close_all(executor);
}

int cancel_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(cancel_what_is_queued),
        TEST_CASE(cancel_what_runs),
        TEST_CASE(cancel_one_of_many_that_run),
        TEST_CASE(other_thread_cancels_what_runs),
        TEST_CASE(task_may_end_well_although_cancelled),
        TEST_CASE(cancel_what_never_looks),
        TEST_CASE(cancel_all),
        TEST_CASE(cancel_all_of_nothing),
        TEST_CASE(cancel_after_the_end_changes_nothing),
        TEST_CASE(cancelled_future_may_be_freed_at_once),
        TEST_CASE(cancel_races_with_the_end),
    };
    return run_cases("cancel", cases, COUNT_OF(cases), only);
}
