/* Tasks that fall into parts. */
#include "contract.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

struct fibonacci {
    int n;
    long result;
};

static int fibonacci_part(struct ovl_task *task, void *argument)
{
    struct fibonacci *number = argument;
    if (number->n < 2) {
        number->result = number->n;
        return 0;
    }
    struct fibonacci left = {.n = number->n - 1};
    struct fibonacci right = {.n = number->n - 2};
    int error = ovl_fork_join(task, fibonacci_part, &left, fibonacci_part, &right);
    number->result = left.result + right.result;
    return error;
}

static int fibonacci_task(struct ovl_task *task, struct ovl_bytes item)
{
    struct fibonacci number = {.n = *(const int *)item.data};
    int error = fibonacci_part(task, &number);
    return error ? error : ovl_task_return(task, &number.result, sizeof number.result);
}

static void parts_of_parts(void)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct ovl_executor *executor = open_workers(workers);
        struct ovl_future *futures[6];
        for (int i = 0; i < 6; i++)
            futures[i] = submit(executor, fibonacci_task, &(int){SCALE(20, 15)}, sizeof(int));
        for (int i = 0; i < 6; i++)
            expect_bytes(futures[i], &(long){SCALE(6765, 610)}, sizeof(long));
        close_all(executor);
    }
}

static void parts_outside_of_a_task(void)
{
    struct fibonacci number = {.n = 10};
    assert_int_equal(fibonacci_part(NULL, &number), 0);
    assert_int_equal(number.result, 55);
}

/* A chain of joins, each inside of the last one's second part. */
static int go_deeper(struct ovl_task *task, void *argument)
{
    int *depth = argument;
    int first = 0;
    int second = *depth - 1;
    if (*depth <= 0)
        return 0;
    int error = ovl_fork_join(task, go_deeper, &first, go_deeper, &second);
    *depth = second + 1;
    return error;
}

static int deep_task(struct ovl_task *task, struct ovl_bytes item)
{
    int depth = *(const int *)item.data;
    return go_deeper(task, &depth);
}

static void parts_go_deep(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 20; i++)
        expect_error(submit(executor, deep_task, &(int){300}, sizeof(int)), 0);
    close_all(executor);
}

static int fail_part(struct ovl_task *task, void *argument)
{
    (void)task;
    return *(const int *)argument;
}

static int join_two_errors(struct ovl_task *task, struct ovl_bytes item)
{
    int errors[2];
    memcpy(errors, item.data, sizeof errors);
    return ovl_fork_join(task, fail_part, &errors[0], fail_part, &errors[1]);
}

static void parts_errors_come_through(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 50; i++) {
        expect_error(submit(executor, join_two_errors, (int[]){3, 4}, 2 * sizeof(int)), 3);
        expect_error(submit(executor, join_two_errors, (int[]){0, 4}, 2 * sizeof(int)), 4);
        expect_error(submit(executor, join_two_errors, (int[]){0, 0}, 2 * sizeof(int)), 0);
    }
    close_all(executor);
}

static int await_other_part(struct ovl_task *task, void *argument)
{
    (void)task;
    return wire_await(argument, 1) ? 0 : -EPIPE;
}

static int tell_other_part(struct ovl_task *task, void *argument)
{
    (void)task;
    wire_tell(argument, 1);
    return 0;
}

static int join_meeting(struct ovl_task *task, struct ovl_bytes item)
{
    struct wire wire = *(const struct wire *)item.data;
    return ovl_fork_join(task, await_other_part, &wire, tell_other_part, &wire);
}

/* The first part waits for the second, which only another worker can run meanwhile. */
static void idle_workers_take_parts(void)
{
    if (the_model != OVL_THREADS)
        return;
    struct wire wire = wire_open();
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < SCALE(100, 20); i++)
        expect_error(submit(executor, join_meeting, &wire, sizeof wire), 0);
    close_all(executor);
    wire_close(&wire);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int join_with_lock(struct ovl_task *task, struct ovl_bytes item)
{
    struct fibonacci number = {.n = *(const int *)item.data};
    pthread_mutex_lock(&mutex);
    int error = fibonacci_part(task, &number);
    pthread_mutex_unlock(&mutex);
    return error;
}

/* Who waits for a part takes no stranger's task, which may want the same lock. */
static void lock_may_be_held_around_parts(void)
{
    if (the_model != OVL_THREADS)
        return;
    enum { TASKS = SCALE(300, 40) };
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, join_with_lock, &(int){12}, sizeof(int));
    for (int i = 0; i < TASKS; i++)
        expect_error(futures[i], 0);
    close_all(executor);
}

static int look_at_task(struct ovl_task *task, void *argument)
{
    atomic_int *asked = argument;
    atomic_fetch_add(asked, ovl_task_cancelled(task) && ovl_task_session(task) != NULL);
    return 0;
}

static int join_when_cancelled(struct ovl_task *task, struct ovl_bytes item)
{
    atomic_int asked = 0;
    until_cancelled(task, item);
    for (int i = 0; i < 20; i++)
        ovl_fork_join(task, look_at_task, &asked, look_at_task, &asked);
    return ovl_task_return(task, &(int){asked}, sizeof(int));
}

static int open_any(void *context, void **ret_session)
{
    *ret_session = context;
    return 0;
}

static void parts_see_that_they_are_to_end(void)
{
    if (runs_in_submit() || !shares_memory())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_with(
        &(struct ovl_options){.workers = 2, .session_open = open_any, .session_context = board});
    struct ovl_future *future = submit(executor, join_when_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, 1));
    ovl_future_cancel(future);
    expect_bytes(future, &(int){40}, sizeof(int));
    close_all(executor);
    wire_close(&begun);
}

int fork_join_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(parts_of_parts),
        TEST_CASE(parts_outside_of_a_task),
        TEST_CASE(parts_go_deep),
        TEST_CASE(parts_errors_come_through),
        TEST_CASE(idle_workers_take_parts),
        TEST_CASE(lock_may_be_held_around_parts),
        TEST_CASE(parts_see_that_they_are_to_end),
    };
    return run_cases("fork_join", cases, COUNT_OF(cases), only);
}
