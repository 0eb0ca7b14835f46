/* What only separate processes can promise: a task that crashes costs itself alone. */
#include "contract.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum death {
    LIVES,
    ABORTS,
    FAULTS,
    IS_KILLED,
    EXITS,
    EXITS_WELL,
    EXITS_AT_ONCE,
    IS_TERMINATED,
    DIES_WITH_RESULT,
    DEATHS,
};

struct mortal {
    enum death death;
    int number;
};

static void die(enum death death)
{
    switch (death) {
    case ABORTS:
        abort();
    case FAULTS:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case IS_KILLED:
    case DIES_WITH_RESULT:
        kill(getpid(), SIGKILL);
        break;
    case IS_TERMINATED:
        signal(SIGTERM, SIG_DFL);
        raise(SIGTERM);
        break;
    case EXITS:
        exit(3);
    case EXITS_WELL:
        exit(0);
    case EXITS_AT_ONCE:
        _exit(255);
    default:
        break;
    }
}

/* Squares its number, or dies in the way its item says. */
static int square_or_die(struct ovl_task *task, struct ovl_bytes item)
{
    const struct mortal *mortal = item.data;
    if (mortal->death == DIES_WITH_RESULT && !ovl_task_result(task, 100000))
        return -ENOMEM;
    die(mortal->death);
    int result = mortal->number * mortal->number;
    return ovl_task_return(task, &result, sizeof result);
}

static void expect_death(struct ovl_future *future, enum death death)
{
    static const struct ovl_outcome expected[DEATHS] = {
        [ABORTS] = {.error = OVL_ESIGNALED, .detail = SIGABRT},
        [FAULTS] = {.error = OVL_ESIGNALED, .detail = SIGSEGV},
        [IS_KILLED] = {.error = OVL_ESIGNALED, .detail = SIGKILL},
        [IS_TERMINATED] = {.error = OVL_ESIGNALED, .detail = SIGTERM},
        [DIES_WITH_RESULT] = {.error = OVL_ESIGNALED, .detail = SIGKILL},
        [EXITS] = {.error = OVL_EEXITED, .detail = 3},
        [EXITS_WELL] = {.error = OVL_EEXITED, .detail = 0},
        [EXITS_AT_ONCE] = {.error = OVL_EEXITED, .detail = 255},
    };
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_int_equal(outcome.detail, expected[death].detail);
    assert_int_equal(outcome.attempts, 1);
    expect_error(future, expected[death].error);
}

static void death_fails_one_task_alone(void)
{
    for (unsigned workers = 1; workers <= 3; workers += 2) {
        struct ovl_executor *executor = open_workers(workers);
        struct ovl_future *futures[DEATHS * 10];
        struct mortal mortals[COUNT_OF(futures)];
        for (int i = 0; i < (int)COUNT_OF(futures); i++) {
            mortals[i] =
                (struct mortal){.death = i % 3 ? LIVES : (enum death)(i % DEATHS), .number = i};
            futures[i] = submit(executor, square_or_die, &mortals[i], sizeof mortals[i]);
        }
        for (int i = 0; i < (int)COUNT_OF(futures); i++) {
            if (mortals[i].death == LIVES)
                expect_bytes(futures[i], &(int){i * i}, sizeof i);
            else
                expect_death(futures[i], mortals[i].death);
        }
        close_all(executor);
    }
}

static void each_way_to_die(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (enum death death = ABORTS; death < DEATHS; death++) {
        struct mortal mortal = {.death = death};
        expect_death(submit(executor, square_or_die, &mortal, sizeof mortal), death);
        expect_bytes(submit(executor, square, &(int){5}, sizeof(int)), &(int){25}, sizeof(int));
    }
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.failed, DEATHS - 1);
    assert_int_equal(counts.done, DEATHS - 1);
    close_all(executor);
}

/* Its item is larger than a pipe holds. */
static int die_with_large_item(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    die(item.size > 1000 ? IS_KILLED : LIVES);
    return 0;
}

static void death_with_a_large_item(void)
{
    struct ovl_executor *executor = open_workers(2);
    size_t size = 5 << 20;
    uint8_t *bytes = malloc(size);
    pattern_fill(bytes, 0, size, 3);
    for (int i = 0; i < 5; i++) {
        expect_error(submit(executor, die_with_large_item, bytes, size), OVL_ESIGNALED);
        expect_bytes(submit(executor, echo, bytes, size), bytes, size);
    }
    free(bytes);
    close_all(executor);
}

static void map_outlives_deaths(void)
{
    enum { ITEMS = 200 };
    struct ovl_executor *executor = open_workers(3);
    struct mortal items[ITEMS];
    int results[ITEMS];
    struct ovl_outcome outcomes[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct mortal){.death = i % 20 ? LIVES : IS_KILLED, .number = i};
    assert_int_equal(ovl_map(executor, square_or_die, items, sizeof items[0], results, sizeof(int),
                             ITEMS, outcomes),
                     OVL_ETASKS);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(outcomes[i].error, i % 20 ? 0 : OVL_ESIGNALED);
        assert_int_equal(results[i], i % 20 ? i * i : 0);
    }
    close_all(executor);
}

/* Dies as often as number[1] has left. */
static int die_at_first(struct ovl_task *task, struct ovl_bytes item)
{
    atomic_fetch_add(&board->number[0], 1);
    if (atomic_fetch_sub(&board->number[1], 1) > 0)
        die(IS_KILLED);
    return echo(task, item);
}

static void safe_task_is_repeated(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_submit_options options = {.repetitions = 3};
    for (long deaths = 0; deaths <= 3; deaths++) {
        atomic_store(&board->number[1], deaths);
        struct ovl_future *future = submit_with(executor, die_at_first, "again", 5, &options);
        assert_int_equal(ovl_future_outcome(future).attempts, deaths + 1);
        expect_bytes(future, "again", 5);
    }
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.done, 4);
    assert_int_equal(counts.failed, 0);
    close_all(executor);
}

static void safe_task_is_repeated_no_more_than_allowed(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl_submit_options options = {.repetitions = 2};
    atomic_store(&board->number[1], 100);
    struct ovl_future *future = submit_with(executor, die_at_first, "again", 5, &options);
    assert_int_equal(ovl_future_outcome(future).attempts, 3);
    assert_int_equal(ovl_future_outcome(future).detail, SIGKILL);
    expect_error(future, OVL_ESIGNALED);
    assert_int_equal(atomic_load(&board->number[0]), 3);
    close_all(executor);
}

static void error_is_not_repeated(void)
{
    struct ovl_executor *executor = open_workers(1);
    struct ovl_submit_options options = {.repetitions = 5};
    struct ovl_future *future = submit_with(executor, fail_with, &(int){8}, sizeof(int), &options);
    assert_int_equal(ovl_future_outcome(future).attempts, 1);
    expect_error(future, 8);
    close_all(executor);
}

static int own_process(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pid_t process = getpid();
    return ovl_task_return(task, &process, sizeof process);
}

static pid_t process_of(struct ovl_executor *executor)
{
    struct ovl_future *future = submit(executor, own_process, NULL, 0);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    pid_t process = *(const pid_t *)result.data;
    ovl_future_free(future);
    return process;
}

static void worker_may_be_killed_while_idle(void)
{
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < 10; i++) {
        pid_t process = process_of(executor);
        assert_true(process != getpid());
        assert_int_equal(kill(process, SIGKILL), 0);
        struct ovl_submit_options options = {.repetitions = 1};
        expect_bytes(submit_with(executor, square, &i, sizeof i, &options), &(int){i * i},
                     sizeof i);
    }
    close_all(executor);
}

static int count_death(void *context, void **ret_session)
{
    (void)context;
    (void)ret_session;
    if (atomic_fetch_sub(&board->number[1], 1) > 0)
        die(EXITS);
    return 0;
}

static void death_in_session_open_fails_its_task_alone(void)
{
    atomic_store(&board->number[1], 2);
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 1, .session_open = count_death});
    for (int i = 0; i < 2; i++) {
        struct ovl_future *future = submit(executor, square, &i, sizeof i);
        assert_int_equal(ovl_future_outcome(future).detail, 3);
        expect_error(future, OVL_EEXITED);
    }
    expect_bytes(submit(executor, square, &(int){4}, sizeof(int)), &(int){16}, sizeof(int));
    close_all(executor);
}

static int write_static(struct ovl_task *task, struct ovl_bytes item)
{
    static int written;
    (void)item;
    written++;
    return ovl_task_return(task, &written, sizeof written);
}

static void memory_is_separate(void)
{
    struct ovl_executor *executor = open_workers(1);
    for (int i = 1; i <= 3; i++)
        expect_bytes(submit(executor, write_static, NULL, 0), &i, sizeof i);
    close_all(executor);
    executor = open_workers(1);
    expect_bytes(submit(executor, write_static, NULL, 0), &(int){1}, sizeof(int));
    close_all(executor);
}

/* In a process that will be killed: opens an executor whose tasks note their processes, and hold.
 */
static void open_and_hold(const struct holder *holder, int workers)
{
    struct ovl_executor *executor = NULL;
    struct ovl_options options = {.workers = (unsigned)workers + 1};
    if (ovl_executor_open(OVL_PROCESSES, &options, &executor))
        _exit(1);
    struct ovl_bytes item = {.data = &holder->item, .size = sizeof holder->item};
    for (int i = 0; i < workers; i++)
        if (ovl_submit(executor, hold, item, NULL))
            _exit(2);
    for (;;)
        pause();
}

static void workers_end_when_their_parent_is_killed(void)
{
    enum { WORKERS = 3 };
    struct holder holder = holder_new();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1)) {
        printf("not here: orphans cannot be adopted (qemu's user mode does not know how)\n");
        skip();
    }
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0)
        open_and_hold(&holder, WORKERS);
    assert_true(wire_await(&holder.item.begun, WORKERS));
    assert_int_equal(kill(parent, SIGKILL), 0);
    int reaped = 0;
    while (wait(NULL) > 0)
        reaped++;
    assert_int_equal(errno, ECHILD);
    assert_true(reaped >= 1 + WORKERS);
    wire_close(&holder.item.begun);
    wire_close(&holder.item.release);
}

static int tell_signals(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    sigset_t blocked;
    struct sigaction action;
    if (sigprocmask(SIG_SETMASK, NULL, &blocked) || sigaction(SIGTERM, NULL, &action))
        return -errno;
    (void)task;
    return sigismember(&blocked, SIGTERM) ? 1 : 0;
}

static void tasks_may_be_signalled(void)
{
    struct ovl_executor *executor = open_workers(1);
    expect_error(submit(executor, tell_signals, NULL, 0), 0);
    close_all(executor);
}

static int fork_a_child(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -errno;
    return WEXITSTATUS(status) == 7 ? 0 : 1;
}

static void tasks_may_have_children(void)
{
    struct ovl_executor *executor = open_workers(2);
    assert_int_equal(ovl_map(executor, fork_a_child, NULL, 0, NULL, 0, 20, NULL), 0);
    close_all(executor);
}

/* The caller's own children are its own to wait for. */
static void other_children_are_left_alone(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(9);
    struct ovl_executor *executor = open_workers(2);
    struct mortal mortal = {.death = IS_KILLED};
    expect_death(submit(executor, square_or_die, &mortal, sizeof mortal), IS_KILLED);
    close_all(executor);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 9);
}

static void all_workers_die_at_once(void)
{
    struct ovl_executor *executor = open_workers(4);
    for (int round = 0; round < 5; round++) {
        struct ovl_future *futures[8];
        struct mortal mortal = {.death = IS_KILLED};
        for (int i = 0; i < 8; i++)
            futures[i] = submit(executor, square_or_die, &mortal, sizeof mortal);
        for (int i = 0; i < 8; i++)
            expect_death(futures[i], IS_KILLED);
    }
    assert_int_equal(checked_counts(executor).failed, 40);
    close_all(executor);
}

static bool ends_soon(const struct ovl_future *future)
{
    ovl_time deadline = ovl_after(PATIENCE_NS);
    while (!ovl_future_done(future) && ovl_now() < deadline)
        ovl_sleep(ovl_after(OVL_MILLISECOND));
    return ovl_future_done(future);
}

/*
 * Whoever found the ends of short tasks again and again, without being told, looks no more; and
 * just after the next one has ended its worker begins a task that lasts.
 */
static void an_end_is_told_though_a_long_task_follows(void)
{
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    for (int round = 0; round < SCALE(50, 10); round++) {
        for (int i = 0; i < 100; i++)
            expect_bytes(submit(executor, square, &(int){3}, sizeof(int)), &(int){9}, sizeof(int));
        struct ovl_future *last = submit(executor, square, &(int){4}, sizeof(int));
        ovl_time until = ovl_after(round * OVL_MICROSECOND);
        while (ovl_now() < until)
            ;
        holder_begin(&holder, executor);
        assert_true(ends_soon(last));
        expect_bytes(last, &(int){16}, sizeof(int));
        holder_release(&holder);
        expect_error(holder.future, 0);
    }
    wire_close(&holder.item.begun);
    wire_close(&holder.item.release);
    close_all(executor);
}

int processes_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(each_way_to_die),
        TEST_CASE(death_fails_one_task_alone),
        TEST_CASE(death_with_a_large_item),
        TEST_CASE(map_outlives_deaths),
        TEST_CASE(safe_task_is_repeated),
        TEST_CASE(safe_task_is_repeated_no_more_than_allowed),
        TEST_CASE(error_is_not_repeated),
        TEST_CASE(worker_may_be_killed_while_idle),
        TEST_CASE(death_in_session_open_fails_its_task_alone),
        TEST_CASE(memory_is_separate),
        TEST_CASE(workers_end_when_their_parent_is_killed),
        TEST_CASE(tasks_may_be_signalled),
        TEST_CASE(tasks_may_have_children),
        TEST_CASE(other_children_are_left_alone),
        TEST_CASE(all_workers_die_at_once),
        TEST_CASE(an_end_is_told_though_a_long_task_follows),
    };
    return the_model == OVL_PROCESSES ? run_cases("processes", cases, COUNT_OF(cases), only) : 0;
}
