/* The bounded queue: full, with and without patience. */
#include "contract.h"
#include <pthread.h>
#include <stdlib.h>

#define LIMIT 2

/* An executor of one worker, which is busy, with a full queue of tasks that count their calls. */
struct full {
    struct holder holder;
    struct ovl_executor *executor;
};

static struct full full_new(void)
{
    struct full full = {.holder = holder_new()};
    full.executor = open_with(&(struct ovl_options){.workers = 1, .queue_limit = LIMIT});
    holder_begin(&full.holder, full.executor);
    for (int i = 0; i < LIMIT; i++)
        ovl_future_free(submit_with(full.executor, count_call, NULL, 0,
                                    &(struct ovl_submit_options){.nowait = true}));
    struct ovl_counts counts = checked_counts(full.executor);
    assert_int_equal(counts.running, 1);
    assert_int_equal(counts.queued, LIMIT);
    return full;
}

static void full_end(struct full *full, long calls)
{
    holder_release(&full->holder);
    holder_end(&full->holder);
    close_all(full->executor);
    assert_int_equal(atomic_load(&board->number[0]), calls);
}

static void full_queue_refuses_at_once(void)
{
    if (runs_in_submit())
        return;
    struct full full = full_new();
    struct ovl_future *const untouched = (struct ovl_future *)board;
    struct ovl_future *future = untouched;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ovl_submit_with(full.executor, count_call, (struct ovl_bytes){0},
                                         &(struct ovl_submit_options){.nowait = true}, &future),
                         OVL_EFULL);
    assert_ptr_equal(future, untouched);
    assert_int_equal(checked_counts(full.executor).submitted, 1 + LIMIT);
    full_end(&full, LIMIT);
}

static void full_queue_refuses_after_a_time(void)
{
    if (runs_in_submit())
        return;
    struct full full = full_new();
    struct ovl_future *const untouched = (struct ovl_future *)board;
    struct ovl_future *future = untouched;
    ovl_time start = ovl_now();
    assert_int_equal(ovl_submit_with(full.executor, count_call, (struct ovl_bytes){0},
                                     &(struct ovl_submit_options){.wait_ns = 30 * OVL_MILLISECOND},
                                     &future),
                     OVL_ETIMEDOUT);
    assert_true(ovl_now() - start >= 30 * OVL_MILLISECOND);
    assert_ptr_equal(future, untouched);
    full_end(&full, LIMIT);
}

struct submitter {
    struct ovl_executor *executor;
    struct ovl_submit_options options;
    struct wire asking;
    atomic_bool returned;
    int error;
};

static void *submit_one(void *argument)
{
    struct submitter *submitter = argument;
    wire_tell(&submitter->asking, 1);
    submitter->error = ovl_submit_with(submitter->executor, count_call, (struct ovl_bytes){0},
                                       &submitter->options, NULL);
    atomic_store(&submitter->returned, true);
    return NULL;
}

static void blocked_submit_goes_on(const struct ovl_submit_options *options)
{
    if (runs_in_submit())
        return;
    struct submitter submitter = {.asking = wire_open()};
    if (options)
        submitter.options = *options;
    struct full full = full_new();
    submitter.executor = full.executor;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_one, &submitter), 0);
    assert_true(wire_await(&submitter.asking, 1));
    pause_ns(20 * OVL_MILLISECOND);
    assert_false(atomic_load(&submitter.returned));
    assert_int_equal(checked_counts(full.executor).queued, LIMIT);
    holder_release(&full.holder);
    pthread_join(thread, NULL);
    assert_int_equal(submitter.error, 0);
    holder_end(&full.holder);
    close_all(full.executor);
    assert_int_equal(atomic_load(&board->number[0]), LIMIT + 1);
    wire_close(&submitter.asking);
}

static void blocked_submit_goes_on_when_room_comes(void)
{
    blocked_submit_goes_on(NULL);
}

static void patient_submit_goes_on_when_room_comes(void)
{
    blocked_submit_goes_on(&(struct ovl_submit_options){.wait_ns = PATIENCE_NS});
}

static void cancelling_makes_room(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 1, .queue_limit = 1});
    holder_begin(&holder, executor);
    struct ovl_future *queued = submit(executor, count_call, NULL, 0);
    ovl_future_cancel(queued);
    expect_error(queued, OVL_ECANCELED);
    struct ovl_future *next = submit_with(executor, count_call, NULL, 0,
                                          &(struct ovl_submit_options){.wait_ns = PATIENCE_NS});
    holder_release(&holder);
    expect_error(next, 0);
    holder_end(&holder);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 1);
}

static void queue_is_never_full_without_a_queue(void)
{
    if (!runs_in_submit())
        return;
    struct ovl_executor *executor = open_with(&(struct ovl_options){.queue_limit = 1});
    for (int i = 0; i < 10; i++)
        ovl_future_free(submit_with(executor, count_call, NULL, 0,
                                    &(struct ovl_submit_options){.nowait = true}));
    assert_int_equal(atomic_load(&board->number[0]), 10);
    close_all(executor);
}

static void queue_holds_what_it_is_given_by_default(void)
{
    enum { DEFAULT_LIMIT = 1024 };
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_submit_options nowait = {.nowait = true};
    for (int i = 0; i < DEFAULT_LIMIT; i++)
        ovl_future_free(submit_with(executor, count_call, NULL, 0, &nowait));
    assert_int_equal(ovl_submit_with(executor, count_call, (struct ovl_bytes){0}, &nowait, NULL),
                     OVL_EFULL);
    holder_release(&holder);
    holder_end(&holder);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), DEFAULT_LIMIT);
}

static void tasks_begin_in_the_order_of_their_submits(void)
{
    struct ovl_ledger *ledger;
    assert_int_equal(ovl_ledger_open(0, &ledger), 0);
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 1, .ledger = ledger});
    assert_int_equal(ovl_map(executor, count_call, NULL, 0, NULL, 0, 200, NULL), 0);
    close_all(executor);
    ovl_time starts[200] = {0};
    assert_int_equal(ovl_ledger_count(ledger), 200);
    for (size_t i = 0; i < 200; i++) {
        struct ovl_record record;
        assert_int_equal(ovl_ledger_read(ledger, i, &record), 0);
        assert_in_range(record.task, 0, 199);
        starts[record.task] = record.start;
    }
    for (size_t i = 1; i < 200; i++)
        assert_true(starts[i] >= starts[i - 1]);
    ovl_ledger_close(ledger);
}

int queue_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(full_queue_refuses_at_once),
        TEST_CASE(full_queue_refuses_after_a_time),
        TEST_CASE(blocked_submit_goes_on_when_room_comes),
        TEST_CASE(patient_submit_goes_on_when_room_comes),
        TEST_CASE(cancelling_makes_room),
        TEST_CASE(queue_is_never_full_without_a_queue),
        TEST_CASE(queue_holds_what_it_is_given_by_default),
        TEST_CASE(tasks_begin_in_the_order_of_their_submits),
    };
    return run_cases("queue", cases, COUNT_OF(cases), only);
}
