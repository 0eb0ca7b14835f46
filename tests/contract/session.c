/* Sessions: what a worker makes once, and its tasks share one at a time. */
#include "contract.h"
#include "ranks.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    OPENED,
    CLOSED,
    SHARED,         /* tasks that found their session in use */
    WRONG_THREAD,   /* sessions closed, or used, in another thread than opened them */
    FAILURES_TO_GO, /* how often session_open is to fail */
    ASKED,          /* calls of session_open */
    WRONG_CONTEXT,
};

struct session {
    atomic_int users;
    pid_t thread;
};

static int context;

/* A rank that joined at the start of main knows of no context. */
static bool is_the_context(const void *given)
{
    return given == (ranks_is_other() ? NULL : &context);
}

static int open_session(void *given, void **ret_session)
{
    atomic_fetch_add(&board->number[ASKED], 1);
    if (!is_the_context(given) || *ret_session)
        atomic_fetch_add(&board->number[WRONG_CONTEXT], 1);
    if (atomic_fetch_sub(&board->number[FAILURES_TO_GO], 1) > 0)
        return -ECONNREFUSED;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->thread = gettid();
    atomic_fetch_add(&board->number[OPENED], 1);
    *ret_session = session;
    return 0;
}

static void close_session(void *given, void *closed)
{
    struct session *session = closed;
    if (!is_the_context(given))
        atomic_fetch_add(&board->number[WRONG_CONTEXT], 1);
    if (session->thread != gettid())
        atomic_fetch_add(&board->number[WRONG_THREAD], 1);
    if (atomic_load(&session->users))
        atomic_fetch_add(&board->number[SHARED], 1);
    atomic_fetch_add(&board->number[CLOSED], 1);
    free(session);
}

static struct ovl_executor *open_with_sessions(unsigned workers)
{
    return open_with(&(struct ovl_options){.workers = workers,
                                           .session_open = open_session,
                                           .session_close = close_session,
                                           .session_context = &context});
}

static long seen(unsigned n)
{
    return atomic_load(&board->number[n]);
}

static void expect_sessions_were_kept_apart(void)
{
    assert_int_equal(seen(SHARED), 0);
    assert_int_equal(seen(WRONG_THREAD), 0);
    assert_int_equal(seen(WRONG_CONTEXT), 0);
    assert_int_equal(seen(OPENED), seen(CLOSED));
}

static struct session *enter(struct ovl_task *task)
{
    struct session *session = ovl_task_session(task);
    if (!session)
        return NULL;
    if (atomic_fetch_add(&session->users, 1))
        atomic_fetch_add(&board->number[SHARED], 1);
    if (session->thread != gettid())
        atomic_fetch_add(&board->number[WRONG_THREAD], 1);
    return session;
}

static void leave(struct session *session)
{
    atomic_fetch_sub(&session->users, 1);
}

static int use_session(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    struct session *session = enter(task);
    if (!session)
        return 1;
    pause_ns(100 * OVL_MICROSECOND);
    leave(session);
    return 0;
}

static void one_session_a_worker(void)
{
    enum { WORKERS = 3 };
    unsigned kinds = the_model == OVL_AUTO ? 2 : 1; /* coroutines, and threads where they suit */
    struct ovl_executor *executor = open_with_sessions(WORKERS);
    assert_int_equal(ovl_map(executor, use_session, NULL, 0, NULL, 0, 300, NULL), 0);
    assert_in_range(seen(OPENED), 1, kinds * ovl_executor_workers(executor));
    /* Under auto a coroutine ends where a thread is to have its place, and its session with it. */
    assert_in_range(seen(CLOSED), 0, the_model == OVL_AUTO ? seen(OPENED) - 1 : 0);
    close_all(executor);
    expect_sessions_were_kept_apart();
    assert_in_range(seen(OPENED), 1, kinds * WORKERS);
}

static void no_session_without_a_task(void)
{
    struct ovl_executor *executor = open_with_sessions(2);
    close_all(executor);
    assert_int_equal(seen(OPENED), seen(CLOSED));
}

static int open_null_session(void *given, void **ret_session)
{
    (void)given;
    (void)ret_session;
    atomic_fetch_add(&board->number[OPENED], 1);
    return 0;
}

static int expect_null_session(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    return ovl_task_session(task) ? 1 : 0;
}

static void session_may_be_null(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .session_open = open_null_session});
    assert_int_equal(ovl_map(executor, expect_null_session, NULL, 0, NULL, 0, 100, NULL), 0);
    close_all(executor);
    assert_in_range(seen(OPENED), 1, 2);
}

static int open_number(void *given, void **ret_session)
{
    static int number = 17;
    (void)given;
    *ret_session = &number;
    return 0;
}

static int read_number(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    return ovl_task_return(task, ovl_task_session(task), sizeof(int));
}

static void session_needs_no_close(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .session_open = open_number});
    expect_bytes(submit(executor, read_number, NULL, 0), &(int){17}, sizeof(int));
    close_all(executor);
}

/* Holds its session while it waits for a child, which may run inside of the wait. */
static int use_and_recurse(struct ovl_task *task, struct ovl_bytes item)
{
    int depth = *(const int *)item.data;
    struct session *session = enter(task);
    if (!session)
        return 1;
    int error = 0;
    if (depth > 0) {
        struct ovl_future *child;
        depth--;
        error = ovl_submit(ovl_task_executor(task), use_and_recurse,
                           (struct ovl_bytes){.data = &depth, .size = sizeof depth}, &child);
        if (!error) {
            error = ovl_future_result(child, NULL);
            ovl_future_free(child);
        }
    }
    leave(session);
    return error;
}

static void nested_tasks_have_sessions_of_their_own(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct ovl_executor *executor = open_with_sessions(workers);
        struct ovl_future *futures[20];
        for (int i = 0; i < 20; i++)
            futures[i] = submit(executor, use_and_recurse, &(int){i}, sizeof i);
        for (int i = 0; i < 20; i++)
            expect_error(futures[i], 0);
        close_all(executor);
        expect_sessions_were_kept_apart();
        assert_true(seen(OPENED) > 0);
    }
}

static void nested_sessions_are_used_again(void)
{
    struct ovl_executor *executor = open_with_sessions(1);
    for (int i = 0; i < 50; i++)
        expect_error(submit(executor, use_and_recurse, &(int){3}, sizeof i), 0);
    close_all(executor);
    expect_sessions_were_kept_apart();
    assert_in_range(seen(OPENED), 1, 4);
}

static void failing_session_fails_its_task_alone(void)
{
    struct ovl_executor *executor = open_with_sessions(1);
    atomic_store(&board->number[FAILURES_TO_GO], 2);
    for (int i = 0; i < 2; i++) {
        struct ovl_future *future = submit(executor, use_session, NULL, 0);
        struct ovl_outcome outcome = ovl_future_outcome(future);
        assert_int_equal(outcome.detail, -ECONNREFUSED);
        expect_error(future, OVL_ESESSION);
    }
    for (int i = 0; i < 3; i++)
        expect_error(submit(executor, use_session, NULL, 0), 0);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.failed, 2);
    assert_int_equal(counts.done, 3);
    close_all(executor);
    assert_int_equal(seen(ASKED), 3);
    expect_sessions_were_kept_apart();
}

static int refuse_with_own_code(void *given, void **ret_session)
{
    (void)given;
    (void)ret_session;
    return 42;
}

static void session_error_may_be_any_number(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .session_open = refuse_with_own_code});
    struct ovl_outcome outcomes[20];
    assert_int_equal(ovl_map(executor, count_call, NULL, 0, NULL, 0, 20, outcomes), OVL_ETASKS);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(outcomes[i].error, OVL_ESESSION);
        assert_int_equal(outcomes[i].detail, 42);
    }
    assert_int_equal(atomic_load(&board->number[0]), 0);
    close_all(executor);
}

static void sessions_are_closed_where_close_cancels(void)
{
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_with_sessions(2);
    if (runs_in_submit()) {
        expect_error(submit(executor, use_session, NULL, 0), 0);
        close_all(executor);
    } else {
        struct ovl_future *future = submit(executor, until_cancelled, &begun, sizeof begun);
        assert_true(wire_await(&begun, 1));
        assert_int_equal(ovl_executor_close(executor, 0), OVL_ETIMEDOUT);
        expect_error(future, OVL_ECANCELED);
    }
    if (shares_memory())
        expect_sessions_were_kept_apart();
    wire_close(&begun);
}

int session_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(one_session_a_worker),
        TEST_CASE(no_session_without_a_task),
        TEST_CASE(session_may_be_null),
        TEST_CASE(session_needs_no_close),
        TEST_CASE(nested_tasks_have_sessions_of_their_own),
        TEST_CASE(nested_sessions_are_used_again),
        TEST_CASE(failing_session_fails_its_task_alone),
        TEST_CASE(session_error_may_be_any_number),
        TEST_CASE(sessions_are_closed_where_close_cancels),
    };
    return run_cases("session", cases, COUNT_OF(cases), only);
}
