/* Opening, submitting, waiting, and results by value. */
#include "contract.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void open_default_workers(void)
{
    struct ovl_executor *executor = open_workers(0);
    assert_int_equal(ovl_executor_model(executor), the_model);
    if (SANITIZED &&
        (the_model == OVL_ASYNC || the_model == OVL_AUTO)) /* ThreadSanitizer has room for fewer */
        assert_in_range(ovl_executor_workers(executor), 1, ovl_model_default_workers(the_model));
    else
        assert_int_equal(ovl_executor_workers(executor), ovl_model_default_workers(the_model));
    close_all(executor);
}

static void open_given_workers(void)
{
    for (unsigned workers = 1; workers <= 7; workers += 3) {
        struct ovl_executor *executor = open_workers(workers);
        unsigned most = runs_in_submit() ? 1 : workers;
        if (the_model == OVL_CLUSTER && most > ovl_model_default_workers(the_model))
            most = ovl_model_default_workers(the_model); /* there are no more ranks */
        assert_int_equal(ovl_executor_workers(executor), most);
        close_all(executor);
    }
}

static void open_many_times(void)
{
    for (int i = 0; i < 30; i++) {
        struct ovl_executor *executor = open_workers(3);
        struct ovl_future *future = submit(executor, square, &i, sizeof i);
        expect_bytes(future, &(int){i * i}, sizeof i);
        close_all(executor);
    }
}

static void open_refuses_too_many_workers(void)
{
    if (runs_in_submit())
        return;
    bool many = the_model == OVL_ASYNC || the_model == OVL_AUTO;
    unsigned limit = many ? OVL_COROUTINES_MAX : OVL_WORKERS_MAX;
    struct ovl_executor *const untouched = (struct ovl_executor *)board;
    struct ovl_executor *executor = untouched;
    assert_int_equal(
        ovl_executor_open(the_model, &(struct ovl_options){.workers = limit + 1}, &executor),
        -EINVAL);
    assert_int_equal(
        ovl_executor_open(the_model, &(struct ovl_options){.workers = UINT_MAX}, &executor),
        -EINVAL);
    assert_ptr_equal(executor, untouched);
}

static void open_refuses_no_model(void)
{
    struct ovl_executor *const untouched = (struct ovl_executor *)board;
    struct ovl_executor *executor = untouched;
    struct ovl_options options = {0};
    assert_int_equal(ovl_executor_open((enum ovl_model)99, &options, &executor), OVL_EMODEL);
    assert_int_equal(ovl_executor_open((enum ovl_model) - 1, &options, &executor), OVL_EMODEL);
    assert_ptr_equal(executor, untouched);
}

static const size_t sizes[] = {
    0, 1, 7, 8, 63, 64, 4095, 4096, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, 20 << 20};

static void echo_of_every_size(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        uint8_t *bytes = malloc(sizes[i] + 1);
        assert_non_null(bytes);
        pattern_fill(bytes, 0, sizes[i], (uint32_t)i);
        struct ovl_future *future = submit(executor, echo, bytes, sizes[i]);
        expect_bytes(future, bytes, sizes[i]);
        free(bytes);
    }
    close_all(executor);
}

struct wanted {
    size_t size;
    uint32_t seed;
};

static int make_pattern(struct ovl_task *task, struct ovl_bytes item)
{
    struct wanted wanted = *(const struct wanted *)item.data;
    void *result = ovl_task_result(task, wanted.size);
    if (!result && wanted.size)
        return -ENOMEM;
    pattern_fill(result, 0, wanted.size, wanted.seed);
    return 0;
}

static void expect_pattern(struct ovl_future *future, size_t size, uint32_t seed)
{
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    assert_int_equal(result.size, size);
    assert_true(pattern_holds(result.data, size, seed));
    assert_true(size == 0 || (uintptr_t)result.data % _Alignof(max_align_t) == 0);
    ovl_future_free(future);
}

static void results_of_every_size_at_once(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        futures[i] =
            submit(executor, make_pattern, &(struct wanted){.size = sizes[i], .seed = (uint32_t)i},
                   sizeof(struct wanted));
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        expect_pattern(futures[i], sizes[i], (uint32_t)i);
    close_all(executor);
}

static void many_results_of_random_size(void)
{
    enum { TASKS = SCALE(2000, 300) };
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[TASKS];
    struct wanted wanted[TASKS];
    uint64_t state = 7;
    for (int i = 0; i < TASKS; i++) {
        wanted[i] = (struct wanted){.size = pattern_random(&state) % 20000, .seed = (uint32_t)i};
        futures[i] = submit(executor, make_pattern, &wanted[i], sizeof wanted[i]);
    }
    for (int i = 0; i < TASKS; i++)
        expect_pattern(futures[i], wanted[i].size, wanted[i].seed);
    close_all(executor);
}

static void item_is_copied(void)
{
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    if (!runs_in_submit())
        holder_begin(&holder, executor);
    char bytes[6] = "before";
    struct ovl_future *future = submit(executor, echo, bytes, sizeof bytes);
    memcpy(bytes, "after!", sizeof bytes);
    holder_release(&holder);
    expect_bytes(future, "before", sizeof bytes);
    if (runs_in_submit())
        holder_begin(&holder, executor);
    holder_end(&holder);
    close_all(executor);
}

/* Returns 0 where its item and its results are aligned as malloc aligns. */
static int check_alignment(struct ovl_task *task, struct ovl_bytes item)
{
    if ((uintptr_t)item.data % _Alignof(max_align_t))
        return 1;
    for (size_t size = 1; size < 10000; size *= 3)
        if ((uintptr_t)ovl_task_result(task, size) % _Alignof(max_align_t))
            return 2;
    return 0;
}

static void items_and_results_are_aligned(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (size_t size = 1; size < 40; size++)
        expect_error(submit(executor, check_alignment, sizes, size), 0);
    close_all(executor);
}

static int grow_result(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    size_t filled = 0;
    for (size_t size = 1; size <= 1 << 20; size = size * 2 + 1) {
        uint8_t *result = ovl_task_result(task, size);
        if (!result)
            return -ENOMEM;
        pattern_fill(result + filled, filled, size - filled, 11);
        filled = size;
    }
    return 0;
}

static void result_grows_and_keeps(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_pattern(submit(executor, grow_result, NULL, 0), (1 << 20) - 1, 11);
    close_all(executor);
}

static int shrink_result(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    uint8_t *result = ovl_task_result(task, 5000);
    if (!result)
        return -ENOMEM;
    pattern_fill(result, 0, 5000, 12);
    return ovl_task_result(task, 10) ? 0 : -ENOMEM;
}

static void result_shrinks_and_keeps(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_pattern(submit(executor, shrink_result, NULL, 0), 10, 12);
    close_all(executor);
}

#define APPENDS        10000
#define APPENDED_BYTES ((size_t)APPENDS * 100 / 2)

static int append_often(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    size_t filled = 0;
    for (int i = 0; i < APPENDS; i++) {
        uint8_t part[100];
        size_t size = i % 2 ? 99 : 1;
        pattern_fill(part, filled, size, 13);
        int error = ovl_task_append(task, part, size);
        if (error)
            return error;
        filled += size;
    }
    return 0;
}

static void result_is_appended_to(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_pattern(submit(executor, append_often, NULL, 0), APPENDED_BYTES, 13);
    close_all(executor);
}

/* Goes through all ways to make a result, one upon the other. */
static int mix_result_calls(struct ovl_task *task, struct ovl_bytes item)
{
    int error = ovl_task_return(task, "first", 5);
    if (!error)
        error = ovl_task_return(task, item.data, item.size);
    if (!error)
        error = ovl_task_append(task, " and ", 5);
    char *result = error ? NULL : ovl_task_result(task, item.size + 9);
    if (!result)
        return -ENOMEM;
    memcpy(result + item.size + 5, "more", 4);
    return ovl_task_append(task, NULL, 0);
}

static void result_calls_may_be_mixed(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_bytes(submit(executor, mix_result_calls, "second", 6), "second and more", 15);
    close_all(executor);
}

static int return_then_nothing(struct ovl_task *task, struct ovl_bytes item)
{
    int error = ovl_task_return(task, item.data, item.size);
    return error ? error : ovl_task_return(task, NULL, 0);
}

static int return_nothing(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

static void result_may_be_empty(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_bytes(submit(executor, return_then_nothing, "text", 4), NULL, 0);
    expect_bytes(submit(executor, return_nothing, "text", 4), NULL, 0);
    close_all(executor);
}

static int fail_with_result(struct ovl_task *task, struct ovl_bytes item)
{
    ovl_task_return(task, "gone", 4);
    return *(const int *)item.data;
}

static void result_of_failed_task_is_empty(void)
{
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, fail_with_result, &(int){5}, sizeof(int));
    struct ovl_bytes result = {.data = "x", .size = 1};
    assert_int_equal(ovl_future_result(future, &result), 5);
    assert_int_equal(result.size, 0);
    ovl_future_free(future);
    close_all(executor);
}

static void errors_come_through(void)
{
    static const int errors[] = {1,       2,    127,     255,    256,     65536, INT_MAX,
                                 -ENOENT, -EIO, -ENOMEM, -EINTR, -EAGAIN, -4095, -1000000};
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *futures[COUNT_OF(errors)];
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        futures[i] = submit(executor, fail_with, &errors[i], sizeof errors[i]);
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        expect_error(futures[i], errors[i]);
    close_all(executor);
}

static void outcome_tells_worker_and_attempts(void)
{
    struct ovl_executor *executor = open_workers(3);
    for (int error = 0; error < 20; error++) {
        struct ovl_future *future = submit(executor, fail_with, &error, sizeof error);
        struct ovl_outcome outcome = ovl_future_outcome(future);
        assert_int_equal(outcome.error, error);
        assert_int_equal(outcome.detail, 0);
        assert_int_equal(outcome.attempts, 1);
        assert_true(outcome.worker < ovl_executor_workers(executor));
        ovl_future_free(future);
    }
    close_all(executor);
}

static int own_worker(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    unsigned worker = ovl_task_worker(task);
    return ovl_task_return(task, &worker, sizeof worker);
}

static void task_knows_its_worker(void)
{
    struct ovl_executor *executor = open_workers(3);
    for (int i = 0; i < 20; i++) {
        struct ovl_future *future = submit(executor, own_worker, NULL, 0);
        unsigned worker = ovl_future_outcome(future).worker;
        expect_bytes(future, &worker, sizeof worker);
    }
    close_all(executor);
}

static int own_executor(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    struct ovl_executor *executor = ovl_task_executor(task);
    return ovl_task_return(task, &executor, sizeof executor);
}

static void task_knows_its_executor(void)
{
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, own_executor, NULL, 0);
    if (shares_memory())
        expect_bytes(future, &executor, sizeof executor);
    else
        expect_error(future, 0);
    close_all(executor);
}

static int sessionless(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    return ovl_task_session(task) ? 1 : 0;
}

static void task_has_no_session_where_none_is_given(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_error(submit(executor, sessionless, NULL, 0), 0);
    close_all(executor);
}

static void failing_task_leaves_the_rest_alone(void)
{
    enum { TASKS = 300 };
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, i % 3 ? square : fail_with, &(int){i + 1}, sizeof i);
    for (int i = 0; i < TASKS; i++) {
        if (i % 3)
            expect_bytes(futures[i], &(int){(i + 1) * (i + 1)}, sizeof(int));
        else
            expect_error(futures[i], i + 1);
    }
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, TASKS / 3 * 2);
    assert_int_equal(counts.failed, TASKS / 3);
    close_all(executor);
}

static void result_may_be_asked_for_again(void)
{
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, echo, "again", 5);
    struct ovl_bytes first;
    struct ovl_bytes second;
    assert_int_equal(ovl_future_wait(future, OVL_FOREVER), 0);
    assert_true(ovl_future_done(future));
    assert_int_equal(ovl_future_result(future, &first), 0);
    assert_int_equal(ovl_future_result(future, &second), 0);
    assert_int_equal(ovl_future_result(future, NULL), 0);
    assert_ptr_equal(first.data, second.data);
    assert_int_equal(ovl_future_wait(future, 0), 0);
    expect_bytes(future, "again", 5);
    close_all(executor);
}

static void wait_ends_at_its_deadline(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(2);
    holder_begin(&holder, executor);
    assert_false(ovl_future_done(holder.future));
    assert_int_equal(ovl_future_wait(holder.future, 0), OVL_ETIMEDOUT);
    assert_int_equal(ovl_future_wait(holder.future, -5), OVL_ETIMEDOUT);
    ovl_time deadline = ovl_after(20 * OVL_MILLISECOND);
    assert_int_equal(ovl_future_wait(holder.future, deadline), OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    holder_release(&holder);
    assert_int_equal(ovl_future_wait(holder.future, ovl_after(PATIENCE_NS)), 0);
    assert_true(ovl_future_done(holder.future));
    holder_end(&holder);
    close_all(executor);
}

static void future_may_be_freed_before_its_task_ends(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 500; i++)
        ovl_future_free(submit(executor, count_call, &i, sizeof i));
    ovl_future_free(NULL);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 500);
}

static void nobody_need_await_a_task(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 500; i++)
        assert_int_equal(ovl_submit(executor, count_call, (struct ovl_bytes){0}, NULL), 0);
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[0]), 500);
}

static void future_outlives_its_executor(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *echoed = submit(executor, echo, "kept", 4);
    struct ovl_future *failed = submit(executor, fail_with, &(int){9}, sizeof(int));
    close_all(executor);
    assert_true(ovl_future_done(echoed));
    ovl_future_cancel(echoed);
    expect_bytes(echoed, "kept", 4);
    expect_error(failed, 9);
}

static void many_small_tasks(void)
{
    enum { TASKS = SCALE(10000, 2000) };
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future **futures = calloc(TASKS, sizeof *futures);
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, square, &i, sizeof i);
    for (int i = 0; i < TASKS; i++)
        expect_bytes(futures[i], &(int){i * i}, sizeof i);
    free(futures);
    assert_int_equal(checked_counts(executor).done, TASKS);
    close_all(executor);
}

static void small_stacks_are_enough_for_small_tasks(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 3, .stack_bytes = 64 * 1024});
    for (int i = 0; i < 50; i++)
        expect_bytes(submit(executor, square, &i, sizeof i), &(int){i * i}, sizeof i);
    close_all(executor);
}

/* Uses 200 KiB of stack. */
static int use_stack(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    volatile char bytes[200 * 1024];
    for (size_t i = 0; i < sizeof bytes; i += 512)
        bytes[i] = (char)i;
    return ovl_task_return(task, (const char *)bytes + 512, 1);
}

static void large_stacks_are_given(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .stack_bytes = 4 << 20});
    expect_bytes(submit(executor, use_stack, NULL, 0), &(char){0}, 1);
    close_all(executor);
}

int submit_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(open_default_workers),
        TEST_CASE(open_given_workers),
        TEST_CASE(open_many_times),
        TEST_CASE(open_refuses_too_many_workers),
        TEST_CASE(open_refuses_no_model),
        TEST_CASE(echo_of_every_size),
        TEST_CASE(results_of_every_size_at_once),
        TEST_CASE(many_results_of_random_size),
        TEST_CASE(item_is_copied),
        TEST_CASE(items_and_results_are_aligned),
        TEST_CASE(result_grows_and_keeps),
        TEST_CASE(result_shrinks_and_keeps),
        TEST_CASE(result_is_appended_to),
        TEST_CASE(result_calls_may_be_mixed),
        TEST_CASE(result_may_be_empty),
        TEST_CASE(result_of_failed_task_is_empty),
        TEST_CASE(errors_come_through),
        TEST_CASE(outcome_tells_worker_and_attempts),
        TEST_CASE(task_knows_its_worker),
        TEST_CASE(task_knows_its_executor),
        TEST_CASE(task_has_no_session_where_none_is_given),
        TEST_CASE(failing_task_leaves_the_rest_alone),
        TEST_CASE(result_may_be_asked_for_again),
        TEST_CASE(wait_ends_at_its_deadline),
        TEST_CASE(future_may_be_freed_before_its_task_ends),
        TEST_CASE(nobody_need_await_a_task),
        TEST_CASE(future_outlives_its_executor),
        TEST_CASE(many_small_tasks),
        TEST_CASE(small_stacks_are_enough_for_small_tasks),
        TEST_CASE(large_stacks_are_given),
    };
    return run_cases("submit", cases, COUNT_OF(cases), only);
}
