/* Proves that worker processes live, die and are replaced without a trace beyond their one task. */
#include "../support/pattern.h"
#include "../support/wire.h"
#include "workers.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- deaths --- */

enum way { LIVES, ABORTS, FAULTS, EXITS, IS_KILLED, IS_LATE, IS_CANCELLED, FAILS, WAYS };

struct mortal {
    enum way way;
    int number;
    struct wire begun;
};

static int live_or_die(struct ovl_task *task, struct ovl_bytes item)
{
    const struct mortal *mortal = item.data;
    switch (mortal->way) {
    case ABORTS:
        abort();
    case FAULTS:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case EXITS:
        _exit(3);
    case IS_KILLED:
        kill(getpid(), SIGKILL);
        break;
    case IS_CANCELLED:
        wire_tell(&mortal->begun, 1);
        pause();
        break;
    case IS_LATE:
        pause();
        break;
    case FAILS:
        return 100 + mortal->number;
    default:
        break;
    }
    int square = mortal->number * mortal->number;
    return ovl_task_return(task, &square, sizeof square);
}

static void expect_end(struct ovl_future *future, const struct mortal *mortal)
{
    const struct ovl_outcome expected[WAYS] = {
        [ABORTS] = {.error = OVL_ESIGNALED, .detail = SIGABRT},
        [FAULTS] = {.error = OVL_ESIGNALED, .detail = SIGSEGV},
        [EXITS] = {.error = OVL_EEXITED, .detail = 3},
        [IS_KILLED] = {.error = OVL_ESIGNALED, .detail = SIGKILL},
        [IS_LATE] = {.error = OVL_ETIMEDOUT},
        [IS_CANCELLED] = {.error = OVL_ECANCELED},
        [FAILS] = {.error = 100 + mortal->number},
    };
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_int_equal(outcome.error, expected[mortal->way].error);
    assert_int_equal(outcome.detail, expected[mortal->way].detail);
    assert_int_equal(outcome.attempts, 1);
    assert_int_not_equal(outcome.worker, OVL_NO_WORKER);
    struct ovl_bytes result;
    ovl_future_result(future, &result);
    int square = mortal->number * mortal->number;
    if (mortal->way == LIVES)
        assert_memory_equal(result.data, &square, sizeof square);
    else
        assert_int_equal(result.size, 0);
    ovl_future_free(future);
}

/* A task whose deadline passes while it runs: on a busy machine it takes more than one try. */
static struct ovl_future *submit_late(struct ovl_executor *executor, const struct mortal *mortal)
{
    for (ovl_time left = 100 * OVL_MILLISECOND;; left *= 2) {
        struct ovl_submit_options options = {.deadline = ovl_after(left)};
        struct ovl_future *future = submit(executor, live_or_die, mortal, sizeof *mortal, &options);
        ovl_future_wait(future, OVL_FOREVER);
        if (ovl_future_outcome(future).attempts)
            return future;
        ovl_future_free(future);
    }
}

/* Every way to die, spread among tasks that live. */
static void crash_matrix(void)
{
    enum { TASKS = 200 };
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(3);
    struct ovl_future *futures[TASKS];
    struct mortal mortals[TASKS];
    for (int i = 0; i < TASKS; i++) {
        mortals[i] = (struct mortal){i % 2 ? LIVES : (enum way)(i / 2 % WAYS), i, begun};
        futures[i] = mortals[i].way == IS_LATE
                         ? submit_late(executor, &mortals[i])
                         : submit(executor, live_or_die, &mortals[i], sizeof mortals[i], NULL);
        if (mortals[i].way == IS_CANCELLED) {
            assert_true(wire_await(&begun, 1));
            ovl_future_cancel(futures[i]);
        }
    }
    for (int i = 0; i < TASKS; i++)
        expect_end(futures[i], &mortals[i]);
    close_all(executor);
    wire_close(&begun);
}

static int own_process(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pid_t process = getpid();
    return ovl_task_return(task, &process, sizeof process);
}

static pid_t process_of(struct ovl_executor *executor)
{
    struct ovl_future *future = submit(executor, own_process, NULL, 0, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    pid_t process = *(const pid_t *)result.data;
    ovl_future_free(future);
    return process;
}

/*
 * Returns when the worker is dead, whether the executor knows of it yet or not: a signal that is on
 * its way finds the next task begun.
 */
static void kill_worker(struct ovl_executor *executor)
{
    pid_t process = process_of(executor);
    struct pollfd death = {.fd = (int)syscall(SYS_pidfd_open, process, 0), .events = POLLIN};
    assert_int_equal(kill(process, SIGKILL), 0);
    if (death.fd < 0) { /* an old kernel, or Valgrind: dead and reaped */
        while (kill(process, 0) == 0)
            sched_yield();
        return;
    }
    assert_int_equal(poll(&death, 1, -1), 1);
    close(death.fd);
}

/* Its task had not begun: it runs elsewhere and is none the wiser. */
static void worker_killed_while_idle_costs_no_task(void)
{
    enum { ROUNDS = SCALE(200, 50) };
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < ROUNDS; i++) {
        kill_worker(executor);
        struct mortal mortal = {.way = LIVES, .number = i};
        expect_end(submit(executor, live_or_die, &mortal, sizeof mortal, NULL), &mortal);
    }
    close_all(executor);
}

static int die_at_first(struct ovl_task *task, struct ovl_bytes item)
{
    if (atomic_fetch_sub(&board->number[0], 1) > 0)
        kill(getpid(), SIGKILL);
    return ovl_task_return(task, item.data, item.size);
}

/* A large item is there again for each attempt. */
static void large_item_is_repeated(void)
{
    size_t size = 3 << 20;
    uint8_t *bytes = malloc(size);
    pattern_fill(bytes, 0, size, 5);
    struct ovl_executor *executor = open_workers(2);
    atomic_store(&board->number[0], 3);
    struct ovl_future *future =
        submit(executor, die_at_first, bytes, size, &(struct ovl_submit_options){.repetitions = 3});
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    assert_int_equal(ovl_future_outcome(future).attempts, 4);
    assert_int_equal(result.size, size);
    assert_memory_equal(result.data, bytes, size);
    ovl_future_free(future);
    close_all(executor);
    free(bytes);
}

/* --- callers --- */

struct caller {
    struct ovl_executor *executor;
    int first;
    int wrong;
};

static void *call_many(void *argument)
{
    enum { TASKS = SCALE(2000, 200) };
    struct caller *caller = argument;
    static _Thread_local struct ovl_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        struct mortal mortal = {.way = i % 100 == 99 ? IS_KILLED : LIVES,
                                .number = caller->first + i};
        struct ovl_bytes item = {.data = &mortal, .size = sizeof mortal};
        if (ovl_submit(caller->executor, live_or_die, item, &futures[i]))
            caller->wrong++;
    }
    for (int i = 0; i < TASKS; i++) {
        struct ovl_bytes result;
        int number = caller->first + i;
        int error = ovl_future_result(futures[i], &result);
        if (i % 100 == 99)
            caller->wrong += error != OVL_ESIGNALED;
        else
            caller->wrong += error || *(const int *)result.data != number * number;
        ovl_future_free(futures[i]);
    }
    return NULL;
}

static void four_callers_among_deaths(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct caller callers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.executor = executor, .first = i * 3000};
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    close_all(executor);
}

/* --- tasks that submit --- */

static int add_squares(struct ovl_task *task, struct ovl_bytes item)
{
    struct ovl_executor *executor = ovl_task_executor(task);
    struct mortal mortals[20] = {{0}};
    int squares[20];
    int sum = 0;
    (void)item;
    for (int i = 0; i < 20; i++)
        mortals[i].number = i;
    int error =
        ovl_map(executor, live_or_die, mortals, sizeof mortals[0], squares, sizeof(int), 20, NULL);
    for (int i = 0; i < 20; i++)
        sum += squares[i];
    return error ? error : ovl_task_return(task, &sum, sizeof sum);
}

static void tasks_submit_to_their_executor(void)
{
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < 3; i++) {
        struct ovl_future *future = submit(executor, add_squares, NULL, 0, NULL);
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(future, &result), 0);
        assert_int_equal(*(const int *)result.data, 2470);
        ovl_future_free(future);
        kill_worker(executor);
    }
    close_all(executor);
}

static int remembered;

static int tell_remembered(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    return ovl_task_return(task, &remembered, sizeof remembered);
}

/* Those that take a dead one's place too: they come from a process that was forked then. */
static void workers_see_memory_as_it_was_at_open(void)
{
    remembered = 1;
    struct ovl_executor *executor = open_workers(1);
    for (int i = 0; i < 5; i++) {
        remembered = 2 + i;
        struct ovl_future *future = submit(executor, tell_remembered, NULL, 0, NULL);
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(future, &result), 0);
        assert_int_equal(*(const int *)result.data, 1);
        ovl_future_free(future);
        kill_worker(executor);
    }
    close_all(executor);
}

/* Of the system call's first version of what it tells, which libc does not declare yet: policy,
 * niceness and, from Linux 6.12 on, the slice. */
#define SCHEDULING_BYTES 48

static int own_scheduling(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    char own[SCHEDULING_BYTES] = {0};
    if (syscall(SYS_sched_getattr, 0, own, sizeof own, 0))
        return -errno;
    return ovl_task_return(task, own, sizeof own);
}

/* The supervisor's brief slices are its own, and where the program gives way to others it does. */
static void workers_are_scheduled_as_the_program(void)
{
    char own[SCHEDULING_BYTES] = {0};
    int nice = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, nice < 16 ? nice + 3 : nice), 0);
    assert_int_equal(syscall(SYS_sched_getattr, 0, own, sizeof own, 0), 0);
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, own_scheduling, NULL, 0, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    assert_int_equal(result.size, sizeof own);
    assert_memory_equal(result.data, own, sizeof own);
    ovl_future_free(future);
    close_all(executor);
}

#if !defined(__SANITIZE_THREAD__)
static void *submit_from_thread(void *argument)
{
    struct caller *caller = argument;
    struct mortal mortal = {.way = LIVES, .number = 9};
    struct ovl_future *future;
    struct ovl_bytes result;
    caller->wrong = 1;
    if (ovl_submit(caller->executor, live_or_die,
                   (struct ovl_bytes){.data = &mortal, .size = sizeof mortal}, &future))
        return NULL;
    caller->wrong = ovl_future_result(future, &result) || *(const int *)result.data != 81;
    ovl_future_free(future);
    return NULL;
}

static int start_threads(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pthread_t threads[4];
    struct caller callers[4];
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.executor = ovl_task_executor(task)};
        if (pthread_create(&threads[i], NULL, submit_from_thread, &callers[i]))
            return -EAGAIN;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        wrong += callers[i].wrong;
    }
    return wrong;
}

static int open_session(void *context, void **ret_session)
{
    (void)context;
    *ret_session = &board->number[1];
    atomic_fetch_add(&board->number[1], 1);
    return 0;
}

static void close_session(void *context, void *session)
{
    (void)context;
    (void)session;
    atomic_fetch_add(&board->number[2], 1);
}

static void threads_of_a_task_submit(void)
{
    struct ovl_executor *executor = open_with(&(struct ovl_options){
        .workers = 1, .session_open = open_session, .session_close = close_session});
    for (int i = 0; i < 10; i++) {
        struct ovl_future *future = submit(executor, start_threads, NULL, 0, NULL);
        assert_int_equal(ovl_future_result(future, NULL), 0);
        ovl_future_free(future);
    }
    close_all(executor);
    assert_int_equal(atomic_load(&board->number[1]), 41);
    assert_int_equal(atomic_load(&board->number[2]), 41);
}
#endif

/* --- what workers inherit --- */

static int print_a_line(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    printf("task %d\n", *(const int *)item.data);
    return 0;
}

/* In a process whose standard output is the pipe. */
static void print_in_tasks(int fd)
{
    if (dup2(fd, STDOUT_FILENO) < 0)
        _exit(1);
    static char room[4096];
    setvbuf(stdout, room, _IOFBF, sizeof room);
    printf("parent\n");
    struct ovl_executor *executor = NULL;
    if (ovl_executor_open(OVL_PROCESSES, &(struct ovl_options){.workers = 2}, &executor))
        _exit(2);
    for (int i = 0; i < 3; i++) {
        struct ovl_future *future;
        ovl_submit(executor, print_a_line, (struct ovl_bytes){.data = &i, .size = sizeof i},
                   &future);
        ovl_future_wait(future, OVL_FOREVER);
        ovl_future_free(future);
    }
    ovl_executor_close(executor, OVL_FOREVER);
    fflush(stdout);
    _exit(0);
}

/* A task's output is out when its future is done; the parent's, which it waits with, comes once. */
static void output_comes_once_and_in_order(void)
{
    struct wire wire = wire_open();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        print_in_tasks(wire.fds[1]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char text[256] = "";
    assert_true(read(wire.fds[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "task 0\ntask 1\ntask 2\nparent\n");
    wire_close(&wire);
}

static int wait_for_release(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct wire *wires = item.data;
    pid_t process = getpid();
    atomic_store(&board->number[3], process);
    wire_tell(&wires[0], 1);
    return wire_await(&wires[1], 1) ? 0 : -EPIPE;
}

/* Ctrl-C reaches all processes of a terminal: the parent decides what becomes of the tasks. */
static void workers_leave_ctrl_c_to_the_parent(void)
{
    struct wire wires[2] = {wire_open(), wire_open()};
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, wait_for_release, wires, sizeof wires, NULL);
    assert_true(wire_await(&wires[0], 1));
    assert_int_equal(kill((pid_t)atomic_load(&board->number[3]), SIGINT), 0);
    wire_tell(&wires[1], 1);
    assert_int_equal(ovl_future_result(future, NULL), 0);
    ovl_future_free(future);
    close_all(executor);
    wire_close(&wires[0]);
    wire_close(&wires[1]);
}

static int tell_descriptors(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    int lanes = 0;
    int others = 0;
    for (int fd = 0; fd < 256; fd++) {
        char path[64];
        char target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) <= 0)
            continue;
        lanes += strstr(target, "memfd:overlap") != NULL;
        others += strstr(target, "pidfd") || strstr(target, "eventpoll");
    }
    return ovl_task_return(task, &(int[2]){lanes, others}, 2 * sizeof(int));
}

/* And the store of large items. */
static void worker_holds_its_own_lane_alone(void)
{
    struct ovl_executor *executor = open_workers(8);
    for (int i = 0; i < 16; i++) {
        struct ovl_future *future = submit(executor, tell_descriptors, NULL, 0, NULL);
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(future, &result), 0);
        assert_memory_equal(result.data, &((int[2]){2, 0}), 2 * sizeof(int));
        ovl_future_free(future);
        kill_worker(executor);
    }
    close_all(executor);
}

/* --- ends --- */

static void never_close(void *context, void *session)
{
    (void)context;
    (void)session;
    for (;;)
        pause();
}

static int open_nothing(void *context, void **ret_session)
{
    (void)context;
    (void)ret_session;
    return 0;
}

static void session_that_never_closes_is_ended(void)
{
    struct ovl_executor *executor = open_with(&(struct ovl_options){
        .workers = 2, .session_open = open_nothing, .session_close = never_close});
    assert_true(process_of(executor) > 0);
    close_all(executor);
}

/* A task that changes its user has the system forget whom the process was to end with. */
static int forget_whom_to_end_with(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return prctl(PR_SET_PDEATHSIG, 0);
}

/* In a process that will be killed while its workers do nothing. */
static void open_and_wait(const struct wire *opened)
{
    struct ovl_executor *executor = NULL;
    struct ovl_future *future = NULL;
    struct ovl_bytes nothing = {0};
    if (ovl_executor_open(OVL_PROCESSES, &(struct ovl_options){.workers = 4}, &executor) ||
        ovl_submit(executor, forget_whom_to_end_with, nothing, &future) ||
        ovl_future_result(future, NULL))
        _exit(1);
    wire_tell(opened, 1);
    for (;;)
        pause();
}

static void idle_workers_end_with_their_parent(void)
{
    struct wire opened = wire_open();
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0)
        open_and_wait(&opened);
    assert_true(wire_await(&opened, 1));
    assert_int_equal(kill(parent, SIGKILL), 0);
    int ended = 0;
    while (wait(NULL) > 0)
        ended++;
    assert_int_equal(ended, 6); /* the parent, its helper, the workers */
    wire_close(&opened);
}

/* An idle executor uses no processor. */
static void idle_executor_sleeps(void)
{
    struct ovl_executor *executor = open_workers(2);
    assert_true(process_of(executor) > 0);
    struct timespec before;
    struct timespec after;
    struct timespec rest = {.tv_nsec = 100 * OVL_MILLISECOND};
    nanosleep(&rest, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    rest.tv_nsec = 500 * OVL_MILLISECOND;
    nanosleep(&rest, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    ovl_time used = (after.tv_sec - before.tv_sec) * OVL_SECOND + after.tv_nsec - before.tv_nsec;
    assert_true(used < 50 * OVL_MILLISECOND);
    close_all(executor);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(crash_matrix),
        TEST_CASE(worker_killed_while_idle_costs_no_task),
        TEST_CASE(large_item_is_repeated),
        TEST_CASE(four_callers_among_deaths),
        TEST_CASE(tasks_submit_to_their_executor),
        TEST_CASE(workers_see_memory_as_it_was_at_open),
        TEST_CASE(workers_are_scheduled_as_the_program),
#if !defined(__SANITIZE_THREAD__)
        TEST_CASE(threads_of_a_task_submit),
#endif
        TEST_CASE(output_comes_once_and_in_order),
        TEST_CASE(workers_leave_ctrl_c_to_the_parent),
        TEST_CASE(worker_holds_its_own_lane_alone),
        TEST_CASE(session_that_never_closes_is_ended),
        TEST_CASE(idle_workers_end_with_their_parent),
        TEST_CASE(idle_executor_sleeps),
    };
    return run_cases("processes", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
