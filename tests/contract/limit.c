/* The live limit: how many of an executor's workers take tasks. */
#include "contract.h"
#include <errno.h>
#include <pthread.h>

#define WORKERS 8
#define TASKS   24

enum { RUNNING, MOST, ENDED };

/* What each task of these cases shares with the case. */
struct gate {
    struct wire begun;
    struct wire release;
};

static void note_begin(void)
{
    long running = atomic_fetch_add(&board->number[RUNNING], 1) + 1;
    long most = atomic_load(&board->number[MOST]);
    while (running > most && !atomic_compare_exchange_weak(&board->number[MOST], &most, running))
        ;
}

static void note_end(void)
{
    atomic_fetch_sub(&board->number[RUNNING], 1);
    atomic_fetch_add(&board->number[ENDED], 1);
}

static int pass_gate(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct gate gate = *(const struct gate *)item.data;
    note_begin();
    wire_tell(&gate.begun, 1);
    bool passed = wire_await(&gate.release, 1);
    note_end();
    return passed ? 0 : -EPIPE;
}

static struct gate gate_new(void)
{
    return (struct gate){.begun = wire_open(), .release = wire_open()};
}

static void gate_end(struct gate *gate)
{
    wire_close(&gate->begun);
    wire_close(&gate->release);
}

static struct ovl_executor *open_limited(unsigned limit)
{
    return open_with(&(struct ovl_options){.workers = WORKERS, .limit = limit});
}

static void submit_gated(struct ovl_executor *executor, const struct gate *gate)
{
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(ovl_submit(executor, pass_gate,
                                    (struct ovl_bytes){.data = gate, .size = sizeof *gate}, NULL),
                         0);
}

static void expect_running(struct ovl_executor *executor, size_t running)
{
    assert_int_equal(checked_counts(executor).running, running);
}

static void as_many_as_the_limit_run(void)
{
    if (runs_in_submit())
        return;
    struct gate gate = gate_new();
    struct ovl_executor *executor = open_limited(3);
    assert_int_equal(ovl_executor_workers(executor), WORKERS);
    assert_int_equal(ovl_executor_limit(executor), 3);
    submit_gated(executor, &gate);
    assert_true(wire_await(&gate.begun, 3));
    expect_running(executor, 3);
    for (int i = 3; i < TASKS; i++) {
        wire_tell(&gate.release, 1);
        assert_true(wire_await(&gate.begun, 1));
    }
    wire_tell(&gate.release, 3);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[MOST]), 3);
    assert_int_equal(atomic_load(&board->number[ENDED]), TASKS);
    gate_end(&gate);
}

static void raised_it_begins_more_at_once(void)
{
    if (runs_in_submit())
        return;
    struct gate gate = gate_new();
    struct ovl_executor *executor = open_limited(1);
    submit_gated(executor, &gate);
    assert_true(wire_await(&gate.begun, 1));
    expect_running(executor, 1);
    ovl_executor_set_workers(executor, 5);
    assert_int_equal(ovl_executor_limit(executor), 5);
    assert_true(wire_await(&gate.begun, 4));
    expect_running(executor, 5);
    ovl_executor_set_workers(executor, 0);
    assert_int_equal(ovl_executor_limit(executor), WORKERS);
    assert_true(wire_await(&gate.begun, WORKERS - 5));
    expect_running(executor, WORKERS);
    wire_tell(&gate.release, TASKS);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[MOST]), WORKERS);
    assert_int_equal(atomic_load(&board->number[ENDED]), TASKS);
    gate_end(&gate);
}

static void lowered_it_lets_what_runs_go_on(void)
{
    if (runs_in_submit())
        return;
    struct gate gate = gate_new();
    struct ovl_executor *executor = open_limited(0);
    submit_gated(executor, &gate);
    assert_true(wire_await(&gate.begun, WORKERS));
    ovl_executor_set_workers(executor, 2);
    expect_running(executor, WORKERS);
    wire_tell(&gate.release, WORKERS - 2);
    await_number(ENDED, WORKERS - 2);
    atomic_store(&board->number[MOST], 0);
    for (int i = WORKERS; i < TASKS; i++) {
        wire_tell(&gate.release, 1);
        assert_true(wire_await(&gate.begun, 1));
    }
    expect_running(executor, 2);
    wire_tell(&gate.release, 2);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[MOST]), 2);
    assert_int_equal(atomic_load(&board->number[ENDED]), TASKS);
    gate_end(&gate);
}

/* More queued under a limit that is reached, then room again: none of the wakes may be lost. */
static void changed_at_any_time_it_loses_nothing(void)
{
    struct ovl_executor *executor = open_limited(1);
    const size_t count = SCALE(20000, 4000);
    unsigned limit = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ovl_submit(executor, count_call, (struct ovl_bytes){0}, NULL), 0);
        if (i % 7 == 0)
            ovl_executor_set_workers(executor, limit++ % (WORKERS + 1));
    }
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), count);
}

struct turner {
    struct ovl_executor *executor;
    atomic_bool stop;
};

static void *turn_limit(void *argument)
{
    struct turner *turner = argument;
    for (unsigned i = 0; !atomic_load(&turner->stop); i++)
        ovl_executor_set_workers(turner->executor, 1 + i % WORKERS);
    return NULL;
}

/* Each submit waits for its task, so that a lost wake would stop everything. */
static void another_thread_may_change_it(void)
{
    struct turner turner = {.executor = open_limited(1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, turn_limit, &turner), 0);
    for (int i = 0; i < SCALE(2000, 400); i++)
        expect_bytes(submit(turner.executor, square, &i, sizeof i), &(int){i * i}, sizeof i);
    atomic_store(&turner.stop, true);
    pthread_join(thread, NULL);
    close_all(turner.executor);
}

static int submit_and_wait(struct ovl_task *task, struct ovl_bytes item)
{
    int depth = *(const int *)item.data;
    if (depth == 0)
        return 0;
    depth--;
    struct ovl_future *future;
    int error = ovl_submit(ovl_task_executor(task), submit_and_wait,
                           (struct ovl_bytes){.data = &depth, .size = sizeof depth}, &future);
    if (error)
        return error;
    error = ovl_future_result(future, NULL);
    ovl_future_free(future);
    return error;
}

static void nested_tasks_are_not_held_up(void)
{
    struct ovl_executor *executor = open_limited(1);
    for (int i = 0; i < 50; i++)
        expect_error(submit(executor, submit_and_wait, &(int){5}, sizeof(int)), 0);
    close_all(executor);
}

static void sync_has_one_whatever_it_is_told(void)
{
    if (the_model != OVL_SYNC)
        return;
    struct ovl_executor *executor = open_limited(4);
    ovl_executor_set_workers(executor, 7);
    assert_int_equal(ovl_executor_limit(executor), 1);
    expect_error(submit(executor, count_call, NULL, 0), 0);
    close_all(executor);
}

int limit_cases(const char *only)
{
    static const struct test_case cases[] = {
        TEST_CASE(as_many_as_the_limit_run),
        TEST_CASE(raised_it_begins_more_at_once),
        TEST_CASE(lowered_it_lets_what_runs_go_on),
        TEST_CASE(changed_at_any_time_it_loses_nothing),
        TEST_CASE(another_thread_may_change_it),
        TEST_CASE(nested_tasks_are_not_held_up),
        TEST_CASE(sync_has_one_whatever_it_is_told),
    };
    return run_cases("limit", cases, COUNT_OF(cases), only);
}
