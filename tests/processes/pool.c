/*
 * Proves that a pool of processes keeps its promises where others' pools hang, break or leave
 * something behind: done + failed + not started = asked for, every time.
 */
#include "../support/pattern.h"
#include "workers.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void pause_ns(long length)
{
    nanosleep(&(struct timespec){.tv_nsec = length}, NULL);
}

/* --- the crash matrix: every way to end, in every part of a task's life --- */

enum way { ABORTS, EXITS, ERRS, HANGS, IS_KILLED, WAYS };
enum part { BEFORE, READING, RUNNING, WRITING, OPENING, CLOSING, PARTS };

static void end_in_a_way(enum way way)
{
    switch (way) {
    case ABORTS:
        abort();
    case EXITS:
        _exit(9);
    case HANGS:
        for (;;)
            pause();
    case IS_KILLED:
        kill(getpid(), SIGKILL);
        break;
    default:
        break;
    }
}

struct doom {
    enum way way;
    enum part part;
    char rest[];
};

#define DOOM_BYTES ((size_t)3 << 20)

/* Large, so that there is a time between the first and the last byte that is read or written. */
static int doomed(struct ovl_task *task, struct ovl_bytes item)
{
    const struct doom *doom = item.data;
    unsigned sum = 0;
    if (doom->part == BEFORE)
        end_in_a_way(doom->way);
    for (size_t i = 0; i < item.size - sizeof *doom; i++) {
        sum += (unsigned char)doom->rest[i];
        if (i == item.size / 2 && doom->part == READING)
            end_in_a_way(doom->way);
    }
    if (doom->part == RUNNING)
        end_in_a_way(doom->way);
    char *result = ovl_task_result(task, DOOM_BYTES);
    if (!result)
        return -ENOMEM;
    memset(result, 1, DOOM_BYTES / 2);
    if (doom->part == WRITING)
        end_in_a_way(doom->way);
    memset(result + DOOM_BYTES / 2, 1, DOOM_BYTES / 2);
    return doom->way == ERRS ? 55 : (int)(sum & 0);
}

static int add_one(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data + 1;
    return ovl_task_return(task, &number, sizeof number);
}

static void expect_end(struct ovl_future *future, enum way way)
{
    static const struct ovl_outcome expected[WAYS] = {
        [ABORTS] = {.error = OVL_ESIGNALED, .detail = SIGABRT},
        [EXITS] = {.error = OVL_EEXITED, .detail = 9},
        [ERRS] = {.error = 55},
        [HANGS] = {.error = OVL_ETIMEDOUT},
        [IS_KILLED] = {.error = OVL_ESIGNALED, .detail = SIGKILL},
    };
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_int_equal(outcome.error, expected[way].error);
    assert_int_equal(outcome.detail, expected[way].detail);
    ovl_future_free(future);
}

/* One doomed task among short ones, which are given in advance and end well. */
static void doom_one(struct ovl_executor *executor, struct doom *doom)
{
    enum { OTHERS = 60 };
    struct ovl_future *others[OTHERS];
    struct ovl_submit_options options = {0};
    if (doom->way == HANGS)
        options.deadline = ovl_after(300 * OVL_MILLISECOND);
    for (int i = 0; i < OTHERS / 2; i++)
        others[i] = submit(executor, add_one, &i, sizeof i, NULL);
    struct ovl_future *future = NULL;
    struct ovl_bytes item = {.data = doom, .size = DOOM_BYTES};
    assert_int_equal(ovl_submit_with(executor, doomed, item, &options, &future), 0);
    for (int i = OTHERS / 2; i < OTHERS; i++)
        others[i] = submit(executor, add_one, &i, sizeof i, NULL);
    expect_end(future, doom->way);
    for (int i = 0; i < OTHERS; i++) {
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(others[i], &result), 0);
        assert_int_equal(*(const int *)result.data, i + 1);
        ovl_future_free(others[i]);
    }
}

static void crash_matrix_of_tasks(void)
{
    struct doom *doom = calloc(1, DOOM_BYTES);
    struct ovl_executor *executor = open_workers(2);
    for (enum part part = BEFORE; part <= WRITING; part++)
        for (enum way way = ABORTS; way < WAYS; way++) {
            *doom = (struct doom){.way = way, .part = part};
            doom_one(executor, doom);
        }
    close_all(executor);
    free(doom);
}

/* What the session's functions are to do: the first time only, for the open. */
static int doomed_open(void *context, void **ret_session)
{
    (void)ret_session;
    enum way way = *(const enum way *)context;
    if (atomic_fetch_add(&board->number[0], 1))
        return 0;
    end_in_a_way(way);
    return -EPERM;
}

static void doomed_close(void *context, void *session)
{
    (void)session;
    atomic_fetch_add(&board->number[1], 1);
    end_in_a_way(*(const enum way *)context);
}

static int open_well(void *context, void **ret_session)
{
    (void)context;
    (void)ret_session;
    return 0;
}

static void crash_matrix_of_sessions(void)
{
    for (enum way way = ABORTS; way < WAYS; way++) {
        atomic_store(&board->number[0], 0);
        struct ovl_executor *executor = open_with(&(struct ovl_options){
            .workers = 1, .session_open = doomed_open, .session_context = &way});
        bool begun = false;
        for (ovl_time left = 300 * OVL_MILLISECOND; !begun; left *= 2) {
            struct ovl_submit_options soon = {.deadline = ovl_after(left)};
            struct ovl_future *first = NULL;
            struct ovl_bytes item = {.data = &(int){1}, .size = sizeof(int)};
            assert_int_equal(
                ovl_submit_with(executor, add_one, item, way == HANGS ? &soon : NULL, &first), 0);
            assert_int_not_equal(ovl_future_result(first, NULL), 0);
            begun = way != HANGS || ovl_future_outcome(first).attempts > 0;
            ovl_future_free(first);
        }
        atomic_store(&board->number[0], 1); /* where its end came before its session's open */
        struct ovl_future *second = submit(executor, add_one, &(int){1}, sizeof(int), NULL);
        assert_int_equal(ovl_future_result(second, NULL), 0);
        ovl_future_free(second);
        close_all(executor);
        if (way == HANGS)
            continue; /* tried elsewhere: it takes the five seconds that a close may take */
        executor = open_with(&(struct ovl_options){.workers = 1,
                                                   .session_open = open_well,
                                                   .session_close = doomed_close,
                                                   .session_context = &way});
        struct ovl_future *only = submit(executor, add_one, &(int){1}, sizeof(int), NULL);
        assert_int_equal(ovl_future_result(only, NULL), 0);
        ovl_future_free(only);
        close_all(executor);
        assert_int_equal(atomic_exchange(&board->number[1], 0), 1);
    }
}

/* --- maps: of many chunks, exactly those fail that die --- */

static int add_one_or_die(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    if (number % 1000 == 777)
        kill(getpid(), SIGKILL);
    if (number % 1000 == 333)
        return 3;
    return add_one(task, item);
}

static void map_loses_only_what_dies(void)
{
    enum { ITEMS = SCALE(20000, 4000) };
    int *items = malloc(ITEMS * sizeof(int));
    int *results = malloc(ITEMS * sizeof(int));
    struct ovl_outcome *outcomes = malloc(ITEMS * sizeof *outcomes);
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < ITEMS; i++)
        items[i] = i;
    assert_int_equal(ovl_map(executor, add_one_or_die, items, sizeof(int), results, sizeof(int),
                             ITEMS, outcomes),
                     OVL_ETASKS);
    for (int i = 0; i < ITEMS; i++) {
        int expected = i % 1000 == 777 ? OVL_ESIGNALED : i % 1000 == 333 ? 3 : 0;
        assert_int_equal(outcomes[i].error, expected);
        assert_int_equal(results[i], expected ? 0 : i + 1);
    }
    close_all(executor);
    free(items);
    free(results);
    free(outcomes);
}

static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    long length = *(const long *)item.data;
    pause_ns(length);
    return ovl_task_return(task, &length, sizeof length);
}

/* In memory that the workers have as well: tasks that have ended. */
static atomic_int *tasks_ended;

/* The task that waits for all the others; how many these are. */
struct last {
    int number, others;
};

struct numbered {
    int number;
    struct last last;
};

static int end_last(struct ovl_task *task, struct ovl_bytes item)
{
    const struct numbered *numbered = item.data;
    ovl_time until = ovl_after(PATIENCE_NS);
    if (numbered->number != numbered->last.number)
        atomic_fetch_add(tasks_ended, 1);
    else
        while (atomic_load(tasks_ended) < numbered->last.others) {
            if (ovl_now() > until)
                return -ETIMEDOUT;
            pause_ns(OVL_MILLISECOND);
        }
    return ovl_task_return(task, &numbered->number, sizeof numbered->number);
}

/* A chunk of tasks that were short, with one in it that is not: the rest of it goes elsewhere. */
static void nothing_waits_behind_a_long_task(void)
{
    enum { ITEMS = 4000, PLACES = 200, FUTURES = 1000 };
    static struct numbered items[ITEMS];
    static int results[ITEMS];
    tasks_ended =
        mmap(NULL, sizeof *tasks_ended, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(tasks_ended, MAP_FAILED);
    struct ovl_executor *executor = open_workers(2);
    /* Wherever in its chunk it is, the last but one for example. */
    for (int last = ITEMS - PLACES; last < ITEMS; last++) {
        atomic_store(tasks_ended, 0);
        for (int i = 0; i < ITEMS; i++)
            items[i] = (struct numbered){i, {last, ITEMS - 1}};
        assert_int_equal(
            ovl_map(executor, end_last, items, sizeof *items, results, sizeof(int), ITEMS, NULL),
            0);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(results[i], i);
    }
    /* The same by futures. */
    atomic_store(tasks_ended, 0);
    struct ovl_future *futures[FUTURES];
    for (int i = 0; i < FUTURES; i++)
        futures[i] = submit(executor, end_last, &(struct numbered){i, {300, FUTURES - 1}},
                            sizeof *items, NULL);
    for (int i = 0; i < FUTURES; i++) {
        assert_int_equal(ovl_future_result(futures[i], NULL), 0);
        ovl_future_free(futures[i]);
    }
    close_all(executor);
    munmap(tasks_ended, sizeof *tasks_ended);
}

/* Stops one of the workers for some milliseconds, again and again, as a busy machine does. */
struct pauses {
    atomic_bool over;
    pid_t workers[2];
    unsigned short seed[3];
};

static void *pause_workers(void *argument)
{
    struct pauses *pauses = argument;
    while (!atomic_load(&pauses->over)) {
        pid_t worker = pauses->workers[nrand48(pauses->seed) % 2];
        kill(worker, SIGSTOP);
        pause_ns(1500000 + nrand48(pauses->seed) % 1500000);
        kill(worker, SIGCONT);
        pause_ns(nrand48(pauses->seed) % 1000000);
    }
    return NULL;
}

/* Whose process waits until the other's has begun: two of them tell of two workers. */
static int meet(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pid_t process = getpid();
    ovl_time until = ovl_after(PATIENCE_NS);
    atomic_fetch_add(tasks_ended, 1);
    while (atomic_load(tasks_ended) < 2)
        if (ovl_now() > until)
            return -ETIMEDOUT;
    return ovl_task_return(task, &process, sizeof process);
}

/* What was taken back from a worker that stood still, and given to another, is looked after there
 * too, although there is nothing more to give. */
static void nothing_waits_behind_what_was_taken_back(void)
{
    enum { ITEMS = 16, MAPS = SCALE(1000, 300) };
    struct numbered items[ITEMS];
    int results[ITEMS];
    tasks_ended =
        mmap(NULL, sizeof *tasks_ended, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(tasks_ended, MAP_FAILED);
    struct ovl_executor *executor = open_workers(2);
    struct pauses pauses = {.seed = {1, 2, 3}};
    assert_int_equal(ovl_map(executor, meet, NULL, 0, pauses.workers, sizeof(pid_t), 2, NULL), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pause_workers, &pauses), 0);
    int error = 0;
    for (int map = 0; map < MAPS && !error; map++) {
        atomic_store(tasks_ended, 0);
        for (int i = 0; i < ITEMS; i++)
            items[i] = (struct numbered){i, {map % ITEMS, ITEMS - 1}};
        error =
            ovl_map(executor, end_last, items, sizeof *items, results, sizeof(int), ITEMS, NULL);
    }
    atomic_store(&pauses.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(error, 0);
    close_all(executor);
    munmap(tasks_ended, sizeof *tasks_ended);
}

/* --- workers that are replaced --- */

static int own_process(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    pid_t process = getpid();
    return ovl_task_return(task, &process, sizeof process);
}

/* The deadlock on volume with a maximum of tasks per child. */
static void worker_runs_so_many_tasks(void)
{
    enum { TASKS = SCALE(3000, 600), EACH = 50 };
    pid_t *processes = malloc(TASKS * sizeof *processes);
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .worker_tasks = EACH});
    assert_int_equal(
        ovl_map(executor, own_process, NULL, 0, processes, sizeof *processes, TASKS / 2, NULL), 0);
    struct ovl_future *futures[TASKS / 2];
    for (int i = 0; i < TASKS / 2; i++)
        futures[i] = submit(executor, own_process, NULL, 0, NULL);
    for (int i = 0; i < TASKS / 2; i++) {
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(futures[i], &result), 0);
        processes[TASKS / 2 + i] = *(const pid_t *)result.data;
        ovl_future_free(futures[i]);
    }
    for (int i = 0; i < TASKS; i += 97) {
        int same = 0;
        for (int j = 0; j < TASKS; j++)
            same += processes[j] == processes[i];
        assert_in_range(same, 1, EACH);
    }
    close_all(executor);
    free(processes);
}

static int take_memory(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size = *(const size_t *)item.data;
    volatile char *memory = malloc(size); /* written to, though nobody reads it */
    if (!memory)
        return -ENOMEM;
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    if (size > (size_t)100 << 20)
        pause();                    /* kept, until somebody sees it */
    return own_process(task, item); /* not freed: it has leaked */
}

static void worker_takes_so_much_memory(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 1, .worker_memory = (size_t)64 << 20});
    size_t much = (size_t)150 << 20;
    struct ovl_future *future = submit(executor, take_memory, &much, sizeof much, NULL);
    assert_int_equal(ovl_future_result(future, NULL), OVL_EMEMORY);
    ovl_future_free(future);
    /* A leak beyond the limit is seen while its task runs, or when that has ended. */
    size_t some = (size_t)80 << 20;
    pid_t before = 0;
    for (int i = 0; i < 5; i++) {
        struct ovl_bytes result;
        struct ovl_future *leak = submit(executor, take_memory, &some, sizeof some, NULL);
        int error = ovl_future_result(leak, NULL);
        assert_true(error == 0 || error == OVL_EMEMORY);
        future = submit(executor, own_process, NULL, 0, NULL);
        assert_int_equal(ovl_future_result(future, &result), 0);
        assert_int_not_equal(*(const pid_t *)result.data, before);
        before = *(const pid_t *)result.data;
        ovl_future_free(leak);
        ovl_future_free(future);
    }
    close_all(executor);
}

/* --- the helper is killed --- */

static pid_t parent_of(pid_t process)
{
    char path[64];
    char line[256] = "";
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file))
        sscanf(strrchr(line, ')') + 4, "%d", &parent);
    if (file)
        fclose(file);
    return parent;
}

static void pool_outlives_its_helper(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int round = 0; round < 5; round++) {
        struct ovl_future *future = submit(executor, own_process, NULL, 0, NULL);
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(future, &result), 0);
        pid_t helper = parent_of(*(const pid_t *)result.data);
        ovl_future_free(future);
        assert_int_not_equal(helper, getpid());
        struct ovl_future *running =
            submit(executor, nap, &(long){900 * OVL_MILLISECOND}, sizeof(long), NULL);
        assert_int_equal(kill(helper, SIGKILL), 0);
        int error = ovl_future_result(running, NULL);
        assert_true(error == OVL_ESIGNALED || error == 0); /* 0: it had not begun, and ran later */
        ovl_future_free(running);
        future = submit(executor, add_one, &(int){4}, sizeof(int), NULL);
        assert_int_equal(ovl_future_result(future, &result), 0);
        assert_int_equal(*(const int *)result.data, 5);
        ovl_future_free(future);
    }
    close_all(executor);
}

/* A task that changes its user has the system forget whom the process was to end with. */
static int forget_and_hang(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    prctl(PR_SET_PDEATHSIG, 0);
    wire_tell(item.data, 1);
    return pause();
}

static void pool_ends_what_its_helper_leaves(void)
{
    struct wire begun = wire_open();
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *future = submit(executor, own_process, NULL, 0, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    pid_t helper = parent_of(*(const pid_t *)result.data);
    ovl_future_free(future);
    future = submit(executor, forget_and_hang, &begun, sizeof begun, NULL);
    assert_true(wire_await(&begun, 1));
    assert_int_equal(kill(helper, SIGKILL), 0);
    assert_int_equal(ovl_future_result(future, NULL), OVL_ESIGNALED);
    assert_int_equal(ovl_future_outcome(future).detail, SIGKILL);
    ovl_future_free(future);
    future = submit(executor, add_one, &(int){4}, sizeof(int), NULL);
    assert_int_equal(ovl_future_result(future, &result), 0);
    ovl_future_free(future);
    close_all(executor);
    wire_close(&begun);
}

/* --- a fork of the program, with a live pool --- */

static int use_copy(struct ovl_executor *executor, struct ovl_future *done)
{
    struct ovl_bytes result;
    struct ovl_future *future = NULL;
    int number = 1;
    int error = ovl_submit(executor, add_one, (struct ovl_bytes){&number, sizeof number}, &future);
    if (!error)
        error = ovl_future_result(future, NULL);
    if (error != OVL_ECLOSED)
        return 1;
    if (ovl_map(executor, add_one, &number, sizeof number, &number, sizeof number, 1, NULL) !=
        OVL_ECLOSED)
        return 2;
    if (ovl_future_result(done, &result) || !pattern_holds(result.data, result.size, 8))
        return 3;
    ovl_future_free(done);
    ovl_executor_close(executor, OVL_FOREVER);
    return 0;
}

static int fill_pattern(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size = *(const size_t *)item.data;
    void *result = ovl_task_result(task, size);
    if (!result)
        return -ENOMEM;
    pattern_fill(result, 0, size, 8);
    return 0;
}

static void program_forks_with_a_live_pool(void)
{
    struct ovl_executor *executor = open_workers(2);
    size_t size = 1 << 20;
    struct ovl_future *done = submit(executor, fill_pattern, &size, sizeof size, NULL);
    assert_int_equal(ovl_future_result(done, NULL), 0);
    struct ovl_future *running =
        submit(executor, nap, &(long){OVL_MILLISECOND}, sizeof(long), NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(use_copy(executor, done));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(done, &result), 0);
    assert_true(pattern_holds(result.data, result.size, 8));
    assert_int_equal(ovl_future_result(running, NULL), 0);
    ovl_future_free(done);
    ovl_future_free(running);
    close_all(executor);
}

/* The program's own waits see its own children alone. */
static void workers_are_not_the_programs_children(void)
{
    struct ovl_executor *executor = open_workers(2);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    int seen = 0;
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && seen < 1)
        seen += pid == child;
    struct ovl_future *future = submit(executor, own_process, NULL, 0, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    assert_int_not_equal(parent_of(*(const pid_t *)result.data), getpid());
    ovl_future_free(future);
    close_all(executor);
}

/* --- an item that takes long to copy --- */

enum { LONG_ITEM = 64 << 20 };

static int hang(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    while (pause() < 0)
        ;
    return 0;
}

static void *cancel_once_it_runs(void *argument)
{
    struct ovl_executor *executor = argument;
    struct ovl_counts counts;
    do
        ovl_executor_counts(executor, &counts);
    while (!counts.running);
    ovl_executor_cancel(executor);
    return NULL;
}

/* The worker has nothing yet that it could be killed for, and is not to get it any more. */
static void cancel_reaches_a_task_whose_item_is_being_copied(void)
{
    struct ovl_executor *executor = open_workers(1);
    char *item = calloc(1, LONG_ITEM);
    struct ovl_outcome outcome;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_once_it_runs, executor), 0);
    assert_int_equal(ovl_map(executor, hang, item, LONG_ITEM, NULL, 0, 1, &outcome), OVL_ETASKS);
    assert_int_equal(outcome.error, OVL_ECANCELED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_t again;
    assert_int_equal(pthread_create(&again, NULL, cancel_once_it_runs, executor), 0);
    struct ovl_future *future = submit(executor, hang, item, LONG_ITEM, NULL);
    assert_int_equal(ovl_future_result(future, NULL), OVL_ECANCELED);
    ovl_future_free(future);
    assert_int_equal(pthread_join(again, NULL), 0);
    free(item);
    close_all(executor);
}

/* --- random actions --- */

struct action {
    int kind;
    int number;
};

static int act(struct ovl_task *task, struct ovl_bytes item)
{
    const struct action *action = item.data;
    if (action->kind == 0)
        kill(getpid(), SIGKILL);
    if (action->kind == 1)
        return 1 + action->number % 100;
    if (action->kind == 2)
        pause_ns(action->number % 200 * OVL_MICROSECOND);
    return ovl_task_return(task, &action->number, sizeof action->number);
}

struct kept {
    struct ovl_future *future;
    struct action action;
    bool cancelled;
};

static void settle(struct kept *kept)
{
    if (!kept->future)
        return;
    struct ovl_bytes result;
    int error = ovl_future_result(kept->future, &result);
    if (error == OVL_ECANCELED)
        assert_true(kept->cancelled);
    else if (kept->action.kind == 0)
        assert_int_equal(error, OVL_ESIGNALED);
    else if (kept->action.kind == 1)
        assert_int_equal(error, 1 + kept->action.number % 100);
    else
        assert_true(!error && *(const int *)result.data == kept->action.number);
    ovl_future_free(kept->future);
    kept->future = NULL;
}

static void random_actions(void)
{
    enum { ACTIONS = SCALE(100000, 10000), KEPT = 300 };
    static struct kept kept[KEPT];
    const char *given = getenv("OVL_TEST_SEED");
    uint64_t state = given ? strtoull(given, NULL, 10) : (uint64_t)ovl_now();
    print_message("OVL_TEST_SEED=%llu\n", (unsigned long long)state);
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < ACTIONS; i++) {
        uint64_t random = pattern_random(&state);
        struct kept *one = &kept[random % KEPT];
        settle(one);
        int kind = (int)(random >> 20) % 1000;
        one->action = (struct action){kind < 2 ? 0 : kind < 50 ? 1 : kind < 60 ? 2 : 3, i};
        one->future = submit(executor, act, &one->action, sizeof one->action, NULL);
        one->cancelled = (random >> 40) % 100 == 0;
        if (one->cancelled)
            ovl_future_cancel(one->future);
        if (i % 1000 == 0)
            check_counts(executor);
    }
    for (int i = 0; i < KEPT; i++)
        settle(&kept[i]);
    close_all(executor);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(crash_matrix_of_tasks),
        TEST_CASE(crash_matrix_of_sessions),
        TEST_CASE(map_loses_only_what_dies),
        TEST_CASE(nothing_waits_behind_a_long_task),
        TEST_CASE(nothing_waits_behind_what_was_taken_back),
        TEST_CASE(worker_runs_so_many_tasks),
        TEST_CASE(worker_takes_so_much_memory),
        TEST_CASE(pool_outlives_its_helper),
        TEST_CASE(pool_ends_what_its_helper_leaves),
        TEST_CASE(program_forks_with_a_live_pool),
        TEST_CASE(workers_are_not_the_programs_children),
        TEST_CASE(cancel_reaches_a_task_whose_item_is_being_copied),
        TEST_CASE(random_actions),
    };
    return run_cases("pool", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
