/* ovl_map: one function over items and results of fixed size. */
#include "contract.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS 1000

static int *numbers(size_t count)
{
    int *items = calloc(count, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < count; i++)
        items[i] = (int)i;
    return items;
}

static void expect_squares(const int *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i], (int)(i * i));
}

static void map_in_order(void)
{
    struct ovl_executor *executor = open_workers(3);
    int *items = numbers(ITEMS);
    int results[ITEMS] = {0};
    assert_int_equal(
        ovl_map(executor, square, items, sizeof(int), results, sizeof(int), ITEMS, NULL), 0);
    expect_squares(results, ITEMS);
    free(items);
    close_all(executor);
}

static void map_longer_than_the_queue(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .queue_limit = 3});
    int *items = numbers(ITEMS);
    int results[ITEMS] = {0};
    assert_int_equal(
        ovl_map(executor, square, items, sizeof(int), results, sizeof(int), ITEMS, NULL), 0);
    expect_squares(results, ITEMS);
    free(items);
    close_all(executor);
}

static void map_of_one_and_of_none(void)
{
    struct ovl_executor *executor = open_workers(2);
    int result = 0;
    assert_int_equal(
        ovl_map(executor, square, &(int){7}, sizeof(int), &result, sizeof(int), 1, NULL), 0);
    assert_int_equal(result, 49);
    assert_int_equal(ovl_map(executor, square, NULL, sizeof(int), &result, sizeof(int), 0, NULL),
                     0);
    assert_int_equal(ovl_map(executor, square, NULL, sizeof(int), NULL, 0, 0, NULL), 0);
    assert_int_equal(result, 49);
    close_all(executor);
}

static void map_of_empty_items(void)
{
    struct ovl_executor *executor = open_workers(2);
    assert_int_equal(ovl_map(executor, count_call, NULL, 0, NULL, 0, 100, NULL), 0);
    assert_int_equal(atomic_load(&board->number[0]), 100);
    close_all(executor);
}

static void map_drops_results_that_nobody_wants(void)
{
    struct ovl_executor *executor = open_workers(2);
    int *items = numbers(ITEMS);
    struct ovl_outcome outcomes[ITEMS];
    assert_int_equal(ovl_map(executor, square, items, sizeof(int), NULL, 0, ITEMS, outcomes), 0);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(outcomes[i].error, 0);
        assert_int_equal(outcomes[i].attempts, 1);
    }
    free(items);
    close_all(executor);
}

static void map_of_large_items(void)
{
    enum { COUNT = 30, SIZE = 300000 };
    struct ovl_executor *executor = open_workers(3);
    uint8_t *items = malloc((size_t)COUNT * SIZE);
    uint8_t *results = calloc(COUNT, SIZE);
    for (uint32_t i = 0; i < COUNT; i++)
        pattern_fill(items + (size_t)i * SIZE, 0, SIZE, i);
    assert_int_equal(ovl_map(executor, echo, items, SIZE, results, SIZE, COUNT, NULL), 0);
    assert_memory_equal(items, results, (size_t)COUNT * SIZE);
    free(items);
    free(results);
    close_all(executor);
}

/* Returns as many bytes as its item says. */
static int bytes_as_asked(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size = (size_t) * (const int *)item.data;
    void *result = ovl_task_result(task, size);
    if (!result && size)
        return -ENOMEM;
    pattern_fill(result, 0, size, 1);
    return 0;
}

static void map_refuses_results_of_another_size(void)
{
    enum { COUNT = 9, SIZE = 4 };
    struct ovl_executor *executor = open_workers(2);
    int *items = numbers(COUNT);
    uint8_t results[COUNT][SIZE];
    memset(results, 0xaa, sizeof results);
    struct ovl_outcome outcomes[COUNT];
    assert_int_equal(
        ovl_map(executor, bytes_as_asked, items, sizeof(int), results, SIZE, COUNT, outcomes),
        OVL_ETASKS);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(outcomes[i].error, i == SIZE ? 0 : OVL_ERESULTSIZE);
        if (i == SIZE)
            assert_true(pattern_holds(results[i], SIZE, 1));
        else
            assert_memory_equal(results[i], "\0\0\0\0", SIZE);
    }
    free(items);
    close_all(executor);
}

/* The square; fails with the item where 10 divides it. */
static int square_or_fail(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    int error = square(task, item);
    return number % 10 ? error : number + 1;
}

static void map_with_failing_tasks(void)
{
    struct ovl_executor *executor = open_workers(3);
    int *items = numbers(ITEMS);
    int results[ITEMS];
    memset(results, 0xaa, sizeof results);
    struct ovl_outcome outcomes[ITEMS];
    assert_int_equal(ovl_map(executor, square_or_fail, items, sizeof(int), results, sizeof(int),
                             ITEMS, outcomes),
                     OVL_ETASKS);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(outcomes[i].error, i % 10 ? 0 : i + 1);
        assert_int_equal(results[i], i % 10 ? i * i : 0);
        assert_true(outcomes[i].worker < ovl_executor_workers(executor));
    }
    free(items);
    close_all(executor);
}

static void map_tells_of_failures_without_outcomes(void)
{
    struct ovl_executor *executor = open_workers(2);
    int *items = numbers(20);
    int results[20];
    assert_int_equal(
        ovl_map(executor, square_or_fail, items, sizeof(int), results, sizeof(int), 20, NULL),
        OVL_ETASKS);
    assert_int_equal(results[0], 0);
    assert_int_equal(results[19], 19 * 19);
    assert_int_equal(checked_counts(executor).failed, 2);
    free(items);
    close_all(executor);
}

/* Two workers' tasks meet: each tells the other, and waits for it. */
static int meet(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct hold_item *wires = item.data;
    wire_tell(&wires->begun, 1);
    return wire_await(&wires->release, 1) ? 0 : -EPIPE;
}

static void map_runs_tasks_at_once(void)
{
    if (runs_in_submit())
        return;
    struct wire here = wire_open();
    struct wire there = wire_open();
    struct ovl_executor *executor = open_workers(2);
    const struct hold_item items[] = {{.begun = here, .release = there},
                                      {.begun = there, .release = here}};
    assert_int_equal(ovl_map(executor, meet, items, sizeof items[0], NULL, 0, 2, NULL), 0);
    close_all(executor);
    wire_close(&here);
    wire_close(&there);
}

int map_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(map_in_order),
        TEST_CASE(map_longer_than_the_queue),
        TEST_CASE(map_of_one_and_of_none),
        TEST_CASE(map_of_empty_items),
        TEST_CASE(map_drops_results_that_nobody_wants),
        TEST_CASE(map_of_large_items),
        TEST_CASE(map_refuses_results_of_another_size),
        TEST_CASE(map_with_failing_tasks),
        TEST_CASE(map_tells_of_failures_without_outcomes),
        TEST_CASE(map_runs_tasks_at_once),
    };
    return run_cases("map", cases, COUNT_OF(cases), only);
}
