/* Tasks that submit tasks and wait for them, with as few workers as may be. */
#include "contract.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ovl_bytes bytes_of(const int *number)
{
    return (struct ovl_bytes){.data = number, .size = sizeof *number};
}

static int add_result(struct ovl_future *future, int *sum)
{
    struct ovl_bytes result;
    int error = ovl_future_result(future, &result);
    if (!error && result.size != sizeof *sum)
        error = 1;
    if (!error)
        *sum += *(const int *)result.data;
    ovl_future_free(future);
    return error;
}

/* Its item's value, by as many tasks inside of each other. */
static int depth_below(struct ovl_task *task, struct ovl_bytes item)
{
    int depth = *(const int *)item.data - 1;
    int sum = 0;
    if (depth >= 0) {
        struct ovl_future *child;
        int error = ovl_submit(ovl_task_executor(task), depth_below, bytes_of(&depth), &child);
        if (!error)
            error = add_result(child, &sum);
        if (error)
            return error;
        sum++;
    }
    return ovl_task_return(task, &sum, sizeof sum);
}

static void nest_to_depths(unsigned workers, const int *depths, size_t count)
{
    struct ovl_executor *executor = open_workers(workers);
    struct ovl_future *futures[300];
    assert_true(count <= COUNT_OF(futures));
    for (size_t i = 0; i < count; i++)
        futures[i] = submit(executor, depth_below, &depths[i], sizeof depths[i]);
    for (size_t i = 0; i < count; i++)
        expect_bytes(futures[i], &depths[i], sizeof depths[i]);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.failed + counts.cancelled + counts.queued + counts.running, 0);
    close_all(executor);
}

static void nested_on_one_worker(void)
{
    static const int depths[] = {0, 1, 2, 10, 50, 200};
    for (size_t i = 0; i < COUNT_OF(depths); i++)
        nest_to_depths(1, &depths[i], 1);
}

static void nested_on_two_workers(void)
{
    static const int depths[] = {200, 200, 199, 3, 0, 100};
    nest_to_depths(2, depths, COUNT_OF(depths));
}

static void nested_on_default_workers(void)
{
    enum { TASKS = SCALE(200, 60) };
    int depths[TASKS];
    for (int i = 0; i < TASKS; i++)
        depths[i] = i;
    nest_to_depths(0, depths, TASKS);
}

#define BRANCHES 10

/* The sum of 10 squares, by 10 tasks. */
static int sum_of_squares(struct ovl_task *task, struct ovl_bytes item)
{
    int start = *(const int *)item.data;
    struct ovl_future *children[BRANCHES];
    int error = 0;
    int begun = 0;
    for (; begun < BRANCHES && !error; begun++) {
        int number = start + begun;
        error = ovl_submit(ovl_task_executor(task), square, bytes_of(&number), &children[begun]);
    }
    if (error)
        return error;
    int sum = 0;
    for (int i = 0; i < BRANCHES; i++)
        error = add_result(children[i], &sum) ? 1 : error;
    return error ? error : ovl_task_return(task, &sum, sizeof sum);
}

static int expected_sum(int start)
{
    int sum = 0;
    for (int i = start; i < start + BRANCHES; i++)
        sum += i * i;
    return sum;
}

static void nest_widely(const struct ovl_options *options)
{
    struct ovl_executor *executor = open_with(options);
    struct ovl_future *futures[100];
    for (int i = 0; i < 100; i++)
        futures[i] = submit(executor, sum_of_squares, &i, sizeof i);
    for (int i = 0; i < 100; i++)
        expect_bytes(futures[i], &(int){expected_sum(i)}, sizeof(int));
    close_all(executor);
}

static void many_tasks_submit_many(void)
{
    for (unsigned workers = 0; workers <= 3; workers++)
        nest_widely(&(struct ovl_options){.workers = workers});
}

static void nested_submits_never_wait_for_room(void)
{
    nest_widely(&(struct ovl_options){.workers = 1, .queue_limit = 1});
    nest_widely(&(struct ovl_options){.workers = 2, .queue_limit = 1});
}

/* The n-th Fibonacci number, by a tree of tasks. */
static int fibonacci(struct ovl_task *task, struct ovl_bytes item)
{
    int n = *(const int *)item.data;
    int sum = n < 2 ? n : 0;
    for (int i = n - 2; n >= 2 && i < n; i++) {
        struct ovl_future *child;
        int error = ovl_submit(ovl_task_executor(task), fibonacci, bytes_of(&i), &child);
        if (!error)
            error = add_result(child, &sum);
        if (error)
            return error;
    }
    return ovl_task_return(task, &sum, sizeof sum);
}

static void nested_tree(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct ovl_executor *executor = open_workers(workers);
        expect_bytes(submit(executor, fibonacci, &(int){13}, sizeof(int)), &(int){233},
                     sizeof(int));
        close_all(executor);
    }
}

static int sum_by_map(struct ovl_task *task, struct ovl_bytes item)
{
    int items[50];
    int results[50];
    for (int i = 0; i < 50; i++)
        items[i] = *(const int *)item.data + i;
    int error = ovl_map(ovl_task_executor(task), square, items, sizeof(int), results, sizeof(int),
                        50, NULL);
    int sum = 0;
    for (int i = 0; i < 50; i++)
        sum += results[i] - items[i] * items[i];
    return error ? error : sum;
}

static void map_inside_of_tasks(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct ovl_executor *executor = open_workers(workers);
        struct ovl_future *futures[30];
        for (int i = 0; i < 30; i++)
            futures[i] = submit(executor, sum_by_map, &i, sizeof i);
        for (int i = 0; i < 30; i++)
            expect_error(futures[i], 0);
        close_all(executor);
    }
}

struct countdown {
    int left;
    int sum;
};

static int next_number(void *context, struct ovl_bytes *ret_item)
{
    struct countdown *countdown = context;
    if (countdown->left == 0)
        return 0;
    countdown->left--;
    *ret_item = bytes_of(&countdown->left);
    return 1;
}

static int add_number(void *context, size_t index, const struct ovl_outcome *outcome,
                      struct ovl_bytes result)
{
    struct countdown *countdown = context;
    (void)index;
    if (!outcome->error)
        countdown->sum += *(const int *)result.data;
    return 0;
}

static int sum_by_stream(struct ovl_task *task, struct ovl_bytes item)
{
    struct countdown countdown = {.left = *(const int *)item.data};
    struct ovl_stream stream = {.next = next_number,
                                .each = add_number,
                                .context = &countdown,
                                .as_completed = countdown.left % 2};
    int error = ovl_map_stream(ovl_task_executor(task), square, &stream);
    return error ? error : ovl_task_return(task, &countdown.sum, sizeof countdown.sum);
}

static void stream_inside_of_tasks(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct ovl_executor *executor = open_workers(workers);
        struct ovl_future *futures[20];
        for (int i = 0; i < 20; i++)
            futures[i] = submit(executor, sum_by_stream, &(int){100 + i}, sizeof i);
        for (int i = 0; i < 20; i++) {
            int n = 99 + i;
            expect_bytes(futures[i], &(int){n * (n + 1) * (2 * n + 1) / 6}, sizeof n);
        }
        close_all(executor);
    }
}

static int submit_and_forget(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    struct ovl_future *future = NULL;
    int error = ovl_submit(ovl_task_executor(task), count_call, (struct ovl_bytes){0}, NULL);
    if (!error)
        error = ovl_submit(ovl_task_executor(task), count_call, (struct ovl_bytes){0}, &future);
    ovl_future_free(future);
    return error;
}

static void nested_tasks_need_not_be_awaited(void)
{
    struct ovl_executor *executor = open_workers(2);
    assert_int_equal(ovl_map(executor, submit_and_forget, NULL, 0, NULL, 0, 100, NULL), 0);
    if (shares_memory()) {
        await_number(0, 200);
        assert_int_equal(checked_counts(executor).submitted, 300);
    }
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 200);
}

/* Returns its child's error. */
static int pass_on_error(struct ovl_task *task, struct ovl_bytes item)
{
    struct ovl_future *child;
    int error = ovl_submit(ovl_task_executor(task), fail_with, item, &child);
    if (error)
        return error;
    struct ovl_outcome outcome = ovl_future_outcome(child);
    ovl_future_free(child);
    return outcome.attempts == 1 ? outcome.error : 1;
}

static void nested_errors_come_through(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_error(submit(executor, pass_on_error, &(int){-ENOENT}, sizeof(int)), -ENOENT);
    expect_error(submit(executor, pass_on_error, &(int){300}, sizeof(int)), 300);
    close_all(executor);
}

/* Waits for the future that the case puts on the board. */
static int wait_for_sibling(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct hold_item *wires = item.data;
    wire_tell(&wires->begun, 1);
    if (!wire_await(&wires->release, 1))
        return -EPIPE;
    return ovl_future_wait(atomic_load(&board->pointer[0]), ovl_after(PATIENCE_NS));
}

static void task_runs_the_sibling_that_it_waits_for(void)
{
    if (runs_in_submit() || !shares_memory())
        return;
    struct hold_item wires = {.begun = wire_open(), .release = wire_open()};
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *waiting = submit(executor, wait_for_sibling, &wires, sizeof wires);
    assert_true(wire_await(&wires.begun, 1));
    struct ovl_future *sibling = submit(executor, square, &(int){3}, sizeof(int));
    atomic_store(&board->pointer[0], sibling);
    wire_tell(&wires.release, 1);
    expect_error(waiting, 0);
    expect_bytes(sibling, &(int){9}, sizeof(int));
    close_all(executor);
    wire_close(&wires.begun);
    wire_close(&wires.release);
}

/* Cancels a child that has not begun, where there is one, and gives its error. */
static int cancel_child(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    struct ovl_future *child;
    int error = ovl_submit(ovl_task_executor(task), count_call, (struct ovl_bytes){0}, &child);
    if (error)
        return error;
    ovl_future_cancel(child);
    error = ovl_future_outcome(child).error;
    ovl_future_free(child);
    return error == OVL_ECANCELED || error == 0 ? 0 : error;
}

static void task_may_cancel_its_child(void)
{
    struct ovl_executor *executor = open_workers(1);
    assert_int_equal(ovl_map(executor, cancel_child, NULL, 0, NULL, 0, 50, NULL), 0);
    struct ovl_counts counts = checked_counts(executor);
    if (shares_memory())
        assert_int_equal(atomic_load(&board->number[0]) + counts.cancelled, 50);
    close_all(executor);
}

int nested_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(nested_on_one_worker),
        TEST_CASE(nested_on_two_workers),
        TEST_CASE(nested_on_default_workers),
        TEST_CASE(many_tasks_submit_many),
        TEST_CASE(nested_submits_never_wait_for_room),
        TEST_CASE(nested_tree),
        TEST_CASE(map_inside_of_tasks),
        TEST_CASE(stream_inside_of_tasks),
        TEST_CASE(nested_tasks_need_not_be_awaited),
        TEST_CASE(nested_errors_come_through),
        TEST_CASE(task_runs_the_sibling_that_it_waits_for),
        TEST_CASE(task_may_cancel_its_child),
    };
    return run_cases("nested", cases, COUNT_OF(cases), only);
}
