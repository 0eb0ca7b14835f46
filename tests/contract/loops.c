/* What several loops can promise: each in a thread of its own, and no task ever changes it. */
#include "contract.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { ARRIVED = 0 };

/* Keeps its loop until as many others do. */
static int meet(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    long wanted = *(const long *)item.data;
    ovl_time patience = ovl_after(PATIENCE_NS);
    atomic_fetch_add(&board->number[ARRIVED], 1);
    while (atomic_load(&board->number[ARRIVED]) < wanted)
        if (ovl_now() > patience)
            return -ETIME;
    return 0;
}

static void loops_run_at_the_same_time(void)
{
    struct ovl_executor *executor = open_workers(30);
    struct ovl_future *futures[3];
    long wanted = 3;
    for (int i = 0; i < 3; i++)
        futures[i] = submit(executor, meet, &wanted, sizeof wanted);
    for (int i = 0; i < 3; i++)
        expect_error(futures[i], 0);
    close_all(executor);
}

/* What comes while one loop is kept busy goes to the others. */
static void a_busy_loop_gets_no_more(void)
{
    struct ovl_executor *executor = open_workers(30);
    long wanted = 21;
    struct ovl_future *busy = submit(executor, meet, &wanted, sizeof wanted);
    await_number(ARRIVED, 1);
    for (int i = 0; i < 20; i++)
        expect_error(submit(executor, count_call, NULL, 0), 0);
    expect_error(busy, 0);
    close_all(executor);
}

/* Waits until as many are there as all loops have room for, then in several ways, and looks each
 * time where it is. */
static int stay(struct ovl_task *task, struct ovl_bytes item)
{
    long wanted = *(const long *)item.data;
    int fds[2];
    char byte = 'x';
    pid_t thread = gettid();
    atomic_fetch_add(&board->number[ARRIVED], 1);
    while (atomic_load(&board->number[ARRIVED]) < wanted)
        pause_ns(OVL_MILLISECOND);
    if (pipe(fds))
        return -errno;
    bool same = true;
    for (int i = 0; i < 20 && same; i++) {
        pause_ns(OVL_MILLISECOND);
        if (write(fds[1], &byte, 1) != 1 || read(fds[0], &byte, 1) != 1)
            same = false;
        same = same && !ovl_yield() && gettid() == thread;
    }
    close(fds[0]);
    close(fds[1]);
    return same ? ovl_task_return(task, &thread, sizeof thread) : -EIO;
}

static void tasks_never_change_their_loop(void)
{
    enum { TASKS = 300 };
    struct ovl_executor *executor = open_workers(TASKS);
    pid_t threads[TASKS];
    pid_t known[4] = {0};
    unsigned loops = 0;
    long wanted[TASKS];
    for (int i = 0; i < TASKS; i++)
        wanted[i] = TASKS;
    assert_int_equal(
        ovl_map(executor, stay, wanted, sizeof wanted[0], threads, sizeof threads[0], TASKS, NULL),
        0);
    for (int i = 0; i < TASKS; i++) {
        unsigned at = 0;
        while (at < loops && known[at] != threads[i])
            at++;
        assert_in_range(at, 0, 2);
        known[at] = threads[i];
        loops = at == loops ? loops + 1 : loops;
    }
    assert_int_equal(loops, 3);
    close_all(executor);
}

static int read_for_ever(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    char byte;
    atomic_fetch_add(&board->number[ARRIVED], 1);
    return read(*(const int *)item.data, &byte, 1) < 0 ? -errno : 0;
}

static void cancel_finds_a_task_s_loop(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct ovl_executor *executor = open_workers(12);
    struct ovl_future *futures[12];
    for (int i = 0; i < 12; i++)
        futures[i] = submit(executor, read_for_ever, fds, sizeof fds[0]);
    await_number(ARRIVED, 12);
    for (int i = 0; i < 12; i++) {
        ovl_future_cancel(futures[i]);
        expect_error(futures[i], OVL_ECANCELED);
    }
    close_all(executor);
    close(fds[0]);
    close(fds[1]);
}

static void fewer_workers_than_loops(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_bytes(submit(executor, square, &(int){6}, sizeof(int)), &(int){36}, sizeof(int));
    close_all(executor);
}

static void too_many_loops_are_refused(void)
{
    struct ovl_executor *executor = NULL;
    struct ovl_options options = {.loops = OVL_LOOPS_MAX + 1};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), -EINVAL);
    assert_null(executor);
}

int loops_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(loops_run_at_the_same_time),    TEST_CASE(a_busy_loop_gets_no_more),
        TEST_CASE(tasks_never_change_their_loop), TEST_CASE(cancel_finds_a_task_s_loop),
        TEST_CASE(fewer_workers_than_loops),      TEST_CASE(too_many_loops_are_refused),
    };
    return the_loops ? run_cases("loops", cases, COUNT_OF(cases), only) : 0;
}
