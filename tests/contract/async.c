/* What only coroutines can promise: many tasks that wait, in one OS thread. */
#include "contract.h"
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLEEPERS = 1000, ASLEEP = 0 };

/* Sleeps until all the others sleep, too. */
static int sleep_together(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    atomic_fetch_add(&board->number[ASLEEP], 1);
    do
        if (nanosleep(&(struct timespec){.tv_nsec = 10 * OVL_MILLISECOND}, NULL))
            return -errno;
    while (atomic_load(&board->number[ASLEEP]) < SLEEPERS);
    pid_t thread = gettid();
    return ovl_task_return(task, &thread, sizeof thread);
}

static void a_thousand_sleepers_overlap(void)
{
    struct ovl_executor *executor = open_workers(SLEEPERS);
    pid_t threads[SLEEPERS];
    assert_int_equal(
        ovl_map(executor, sleep_together, NULL, 0, threads, sizeof threads[0], SLEEPERS, NULL), 0);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(threads[i], threads[0]);
    close_all(executor);
}

enum { SPINS = 0, LOOKED_UP = 1 };

/* Counts in short sleeps until the look-up has ended. */
static int count_until_looked_up(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    while (!atomic_load(&board->number[LOOKED_UP])) {
        atomic_fetch_add(&board->number[SPINS], 1);
        pause_ns(100 * OVL_MICROSECOND);
    }
    return 0;
}

/* Looks names up until others were seen to go on inside of a look-up, which proves that it gave
 * way. */
static int look_up(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    int error = -ETIME;
    for (int i = 0; i < 1000 && error == -ETIME; i++) {
        struct addrinfo *addresses = NULL;
        long before = atomic_load(&board->number[SPINS]);
        int failed = getaddrinfo("localhost", "80", NULL, &addresses);
        if (failed)
            error = -EHOSTUNREACH;
        else
            freeaddrinfo(addresses);
        if (!failed && atomic_load(&board->number[SPINS]) > before)
            error = 0;
    }
    atomic_store(&board->number[LOOKED_UP], 1);
    return error;
}

static void name_look_ups_do_not_stop_others(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_future *counter = submit(executor, count_until_looked_up, NULL, 0);
    struct ovl_future *looker = submit(executor, look_up, NULL, 0);
    expect_error(looker, 0);
    expect_error(counter, 0);
    close_all(executor);
}

/* Reads a byte, sends it on; the last in the row started the whole. */
static int pass_on(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const int *fds = item.data;
    char byte;
    if (read(fds[0], &byte, 1) != 1)
        return -EIO;
    return write(fds[1], &byte, 1) == 1 ? 0 : -EIO;
}

static void coroutines_pass_a_byte_along(void)
{
    enum { LINKS = 200 };
    struct ovl_executor *executor = open_workers(LINKS);
    int pairs[LINKS + 1][2];
    struct ovl_future *futures[LINKS];
    for (int i = 0; i <= LINKS; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
    for (int i = 0; i < LINKS; i++) {
        int fds[2] = {pairs[i][1], pairs[i + 1][0]};
        futures[i] = submit(executor, pass_on, fds, sizeof fds);
    }
    assert_int_equal(write(pairs[0][0], "x", 1), 1);
    char byte = 0;
    assert_int_equal(read(pairs[LINKS][1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    for (int i = 0; i < LINKS; i++)
        expect_error(futures[i], 0);
    close_all(executor);
    for (int i = 0; i <= LINKS; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
}

static void many_workers_cost_nothing_until_used(void)
{
    struct ovl_executor *executor = open_workers(OVL_COROUTINES_MAX);
    if (!SANITIZED) /* ThreadSanitizer has room for fewer */
        assert_int_equal(ovl_executor_workers(executor), OVL_COROUTINES_MAX);
    expect_bytes(submit(executor, square, &(int){6}, sizeof(int)), &(int){36}, sizeof(int));
    close_all(executor);
}

static int hold_until_all_are_there(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    long wanted = *(const long *)item.data;
    atomic_fetch_add(&board->number[0], 1);
    while (atomic_load(&board->number[0]) < wanted)
        pause_ns(20 * OVL_MILLISECOND);
    return 0;
}

/* More tasks wait at once than the kernel allows guarded mappings for, at two mappings a stack. */
static void more_coroutines_than_mappings(void)
{
    enum { TASKS = SCALE(40000, 900) };
    struct ovl_executor *executor = open_with(
        &(struct ovl_options){.workers = TASKS, .queue_limit = TASKS, .stack_bytes = 16384});
    long wanted = TASKS;
    for (int i = 0; i < TASKS; i++)
        ovl_future_free(submit(executor, hold_until_all_are_there, &wanted, sizeof wanted));
    await_number(0, TASKS);
    close_all(executor);
}

struct sleep {
    int number;
    ovl_time until;
};

enum { WOKEN = 0, LATE = 1, IN_ORDER = 10 };

static int sleep_as_told(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct sleep *sleep = item.data;
    struct timespec until = {sleep->until / OVL_SECOND, sleep->until % OVL_SECOND};
    atomic_fetch_add(&board->number[LATE], ovl_now() >= sleep->until);
    int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    atomic_store(&board->mark[atomic_fetch_add(&board->number[WOKEN], 1)], sleep->number);
    return -error;
}

/* Sleepers whose ends come in the reverse order of their beginnings, the first after `lead`. False:
 * on a busy machine some came to their sleep when it was over. */
static bool sleep_in_reverse(struct ovl_executor *executor, ovl_time lead)
{
    struct sleep sleeps[IN_ORDER];
    ovl_time first = ovl_after(lead);
    for (int i = 0; i < IN_ORDER; i++)
        sleeps[i] = (struct sleep){i, first + (IN_ORDER - i) * 10 * OVL_MILLISECOND};
    atomic_store(&board->number[WOKEN], 0);
    atomic_store(&board->number[LATE], 0);
    assert_int_equal(
        ovl_map(executor, sleep_as_told, sleeps, sizeof sleeps[0], NULL, 0, IN_ORDER, NULL), 0);
    return !atomic_load(&board->number[LATE]);
}

static void sleepers_wake_in_order(void)
{
    struct ovl_executor *executor = open_workers(IN_ORDER);
    for (ovl_time lead = 50 * OVL_MILLISECOND; !sleep_in_reverse(executor, lead);)
        lead *= 2;
    for (int i = 0; i < IN_ORDER; i++)
        assert_int_equal(atomic_load(&board->mark[i]), IN_ORDER - 1 - i);
    close_all(executor);
}

/* Waits for a byte that never comes, in a call that knows nothing of tasks. */
static int read_for_ever(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const int *fds = item.data;
    char byte;
    atomic_fetch_add(&board->number[0], 1);
    return read(fds[0], &byte, 1) < 0 ? -errno : 0;
}

static void cancel_reaches_hooked_calls(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct ovl_executor *executor = open_workers(4);
    struct ovl_future *one = submit(executor, read_for_ever, fds, sizeof fds);
    struct ovl_future *rest[3];
    for (int i = 0; i < 3; i++)
        rest[i] = submit(executor, read_for_ever, fds, sizeof fds);
    await_number(0, 4);
    ovl_future_cancel(one);
    ovl_future_cancel(one);
    expect_error(one, OVL_ECANCELED);
    for (int i = 0; i < 3; i++)
        assert_false(ovl_future_done(rest[i]));
    ovl_executor_cancel(executor);
    for (int i = 0; i < 3; i++)
        expect_error(rest[i], OVL_ECANCELED);
    close_all(executor);
    close(fds[0]);
    close(fds[1]);
}

static void deadline_reaches_hooked_calls(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct ovl_executor *executor = open_workers(1);
    ovl_time deadline = ovl_after(20 * OVL_MILLISECOND);
    struct ovl_future *future;
    assert_int_equal(ovl_submit_with(executor, read_for_ever,
                                     (struct ovl_bytes){.data = fds, .size = sizeof fds},
                                     &(struct ovl_submit_options){.deadline = deadline}, &future),
                     0);
    expect_error(future, OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    close_all(executor);
    close(fds[0]);
    close(fds[1]);
}

int async_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(a_thousand_sleepers_overlap),   TEST_CASE(name_look_ups_do_not_stop_others),
        TEST_CASE(coroutines_pass_a_byte_along),  TEST_CASE(many_workers_cost_nothing_until_used),
        TEST_CASE(more_coroutines_than_mappings), TEST_CASE(sleepers_wake_in_order),
        TEST_CASE(cancel_reaches_hooked_calls),   TEST_CASE(deadline_reaches_hooked_calls),
    };
    return the_model == OVL_ASYNC && !the_loops ? run_cases("async", cases, COUNT_OF(cases), only)
                                                : 0;
}
