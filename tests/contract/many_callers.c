/* One executor, used by many threads at once. */
#include "contract.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CALLERS 4

struct caller {
    struct ovl_executor *executor;
    struct ovl_future *future;
    int number;
    size_t wrong; /* what was not as it should be */
    pthread_t thread;
};

static void run_callers(struct caller *callers, void *run(void *))
{
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, run, &callers[i]), 0);
}

static void join_callers(struct caller *callers)
{
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].wrong, 0);
}

static bool is_int(struct ovl_future *future, int expected)
{
    struct ovl_bytes result;
    return ovl_future_result(future, &result) == 0 && result.size == sizeof expected &&
           *(const int *)result.data == expected;
}

enum { TASKS = SCALE(1000, 200) };

static void *submit_and_check(void *argument)
{
    struct caller *caller = argument;
    struct ovl_future **futures = calloc(TASKS, sizeof *futures);
    for (int i = 0; i < TASKS; i++) {
        int number = caller->number * TASKS + i;
        if (ovl_submit(caller->executor, square,
                       (struct ovl_bytes){.data = &number, .size = sizeof number}, &futures[i]))
            caller->wrong++;
    }
    for (int i = 0; i < TASKS; i++) {
        int number = caller->number * TASKS + i;
        caller->wrong += !futures[i] || !is_int(futures[i], number * number);
        ovl_future_free(futures[i]);
    }
    free(futures);
    return NULL;
}

static void threads_submit_at_once(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.executor = executor, .number = i};
    run_callers(callers, submit_and_check);
    join_callers(callers);
    assert_int_equal(checked_counts(executor).done, CALLERS * TASKS);
    close_all(executor);
}

static void threads_share_a_short_queue(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .queue_limit = 1});
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.executor = executor, .number = i};
    run_callers(callers, submit_and_check);
    join_callers(callers);
    assert_int_equal(checked_counts(executor).done, CALLERS * TASKS);
    close_all(executor);
}

static void *await_shared(void *argument)
{
    struct caller *caller = argument;
    atomic_fetch_add(&board->number[1], 1);
    if (ovl_future_wait(caller->future, ovl_after(PATIENCE_NS)))
        caller->wrong++;
    caller->wrong += !ovl_future_done(caller->future);
    caller->wrong += ovl_future_result(caller->future, NULL) != 0;
    return NULL;
}

static void threads_wait_for_one_future(void)
{
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(2);
    if (runs_in_submit())
        holder_release(&holder);
    holder_begin(&holder, executor);
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.future = holder.future};
    run_callers(callers, await_shared);
    await_number(1, CALLERS);
    if (!runs_in_submit())
        holder_release(&holder);
    join_callers(callers);
    holder_end(&holder);
    close_all(executor);
}

static void *cancel_shared(void *argument)
{
    struct caller *caller = argument;
    ovl_future_cancel(caller->future);
    caller->wrong += ovl_future_outcome(caller->future).error != OVL_ECANCELED;
    return NULL;
}

static void threads_cancel_one_future(void)
{
    if (runs_in_submit())
        return;
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *future = submit(executor, until_cancelled, &begun, sizeof begun);
    assert_true(wire_await(&begun, 1));
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.future = future};
    run_callers(callers, cancel_shared);
    join_callers(callers);
    expect_error(future, OVL_ECANCELED);
    close_all(executor);
    wire_close(&begun);
}

static void *map_and_check(void *argument)
{
    struct caller *caller = argument;
    int items[200];
    int results[200];
    for (int i = 0; i < 200; i++)
        items[i] = caller->number * 200 + i;
    caller->wrong +=
        ovl_map(caller->executor, square, items, sizeof(int), results, sizeof(int), 200, NULL) != 0;
    for (int i = 0; i < 200; i++)
        caller->wrong += results[i] != items[i] * items[i];
    return NULL;
}

static void threads_map_at_once(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.executor = executor, .number = i};
    run_callers(callers, map_and_check);
    join_callers(callers);
    close_all(executor);
}

/* Sums the counts over and over, until number[2] says stop. */
static void *watch_counts(void *argument)
{
    struct caller *caller = argument;
    size_t ended_before = 0;
    while (!atomic_load(&board->number[2])) {
        struct ovl_counts counts;
        ovl_executor_counts(caller->executor, &counts);
        size_t ended = counts.done + counts.failed + counts.cancelled;
        caller->wrong += counts.submitted != ended + counts.queued + counts.running;
        caller->wrong += counts.running > ovl_executor_workers(caller->executor);
        caller->wrong += ended < ended_before;
        ended_before = ended;
    }
    return NULL;
}

static void counts_add_up_at_every_moment(void)
{
    enum { ROUNDS = SCALE(3000, 400) };
    struct ovl_executor *executor = open_workers(3);
    struct caller watcher = {.executor = executor};
    assert_int_equal(pthread_create(&watcher.thread, NULL, watch_counts, &watcher), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct ovl_future *future = submit(executor, i % 3 ? square : fail_with, &i, sizeof i);
        if (i % 5 == 0)
            ovl_future_cancel(future);
        ovl_future_free(future);
    }
    while (checked_counts(executor).queued + checked_counts(executor).running)
        pause_ns(OVL_MILLISECOND);
    atomic_store(&board->number[2], 1);
    pthread_join(watcher.thread, NULL);
    assert_int_equal(watcher.wrong, 0);
    assert_int_equal(checked_counts(executor).submitted, ROUNDS);
    close_all(executor);
}

static int open_session(void *context, void **ret_session)
{
    (void)context;
    *ret_session = calloc(1, sizeof(atomic_int));
    atomic_fetch_add(&board->number[3], 1);
    return *ret_session ? 0 : -ENOMEM;
}

static void close_session(void *context, void *session)
{
    (void)context;
    atomic_fetch_add(&board->number[4], 1);
    free(session);
}

static int use_session(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    atomic_int *users = ovl_task_session(task);
    if (!users)
        return 1;
    int others = atomic_fetch_add(users, 1);
    pause_ns(50 * OVL_MICROSECOND);
    atomic_fetch_sub(users, 1);
    return others;
}

static void *use_sessions(void *argument)
{
    struct caller *caller = argument;
    caller->wrong += ovl_map(caller->executor, use_session, NULL, 0, NULL, 0, 100, NULL) != 0;
    return NULL;
}

static void threads_never_share_a_session(void)
{
    struct ovl_executor *executor = open_with(&(struct ovl_options){
        .workers = 3, .session_open = open_session, .session_close = close_session});
    struct caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.executor = executor};
    run_callers(callers, use_sessions);
    join_callers(callers);
    close_all(executor);
    assert_true(atomic_load(&board->number[3]) > 0);
    assert_int_equal(atomic_load(&board->number[3]), atomic_load(&board->number[4]));
}

int many_callers_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(threads_submit_at_once),        TEST_CASE(threads_share_a_short_queue),
        TEST_CASE(threads_wait_for_one_future),   TEST_CASE(threads_cancel_one_future),
        TEST_CASE(threads_map_at_once),           TEST_CASE(counts_add_up_at_every_moment),
        TEST_CASE(threads_never_share_a_session),
    };
    return run_cases("many_callers", cases, COUNT_OF(cases), only);
}
