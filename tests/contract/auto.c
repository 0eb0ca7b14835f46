/* What auto decides: for waits, computing, waits that no hook sees, tiny tasks, and a change. */
#include "contract.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct doing {
    ovl_time compute_ns;
    ovl_time sleep_ns;
    ovl_time unseen_ns;
};

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * OVL_SECOND + now.tv_nsec;
}

enum { ENDED, AT_ONCE, MOST };

/* Fewer at once than these would be waits that hardly overlap. */
#define OVERLAP 5

static void note_begin(void)
{
    long at_once = atomic_fetch_add(&board->number[AT_ONCE], 1) + 1;
    long most = atomic_load(&board->number[MOST]);
    while (at_once > most && !atomic_compare_exchange_weak(&board->number[MOST], &most, at_once))
        ;
}

static int act(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct doing doing = *(const struct doing *)item.data;
    note_begin();
    ovl_time until = doing.compute_ns ? thread_cpu() + doing.compute_ns : 0;
    while (until && thread_cpu() < until)
        ;
    if (doing.sleep_ns)
        pause_ns(doing.sleep_ns);
    if (doing.unseen_ns)
        syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = doing.unseen_ns}, NULL);
    atomic_fetch_sub(&board->number[AT_ONCE], 1);
    atomic_fetch_add(&board->number[ENDED], 1);
    return 0;
}

static void map_same(struct ovl_executor *executor, struct doing doing, size_t count)
{
    struct doing *items = calloc(count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = doing;
    long before = atomic_load(&board->number[ENDED]);
    atomic_store(&board->number[MOST], 0);
    assert_int_equal(ovl_map(executor, act, items, sizeof *items, NULL, 0, count, NULL), 0);
    assert_int_equal(atomic_load(&board->number[ENDED]) - before, count);
    free(items);
}

static void print_decisions(struct ovl_executor *executor)
{
    struct ovl_decision decision;
    for (size_t n = 0; n < ovl_auto_decision_count(executor); n++)
        if (!ovl_auto_decision(executor, n, &decision))
            fprintf(stderr, "  after %zu tasks: %s, %u: %s\n", decision.tasks,
                    ovl_model_name(decision.model), decision.workers, decision.reason);
}

/* Returns it. */
static struct ovl_decision expect_decided(struct ovl_executor *executor, enum ovl_model model,
                                          const char *word)
{
    struct ovl_decision decision;
    for (size_t n = 0; n < ovl_auto_decision_count(executor); n++)
        if (!ovl_auto_decision(executor, n, &decision) && decision.model == model &&
            strstr(decision.reason, word))
            return decision;
    print_decisions(executor);
    fail_msg("never decided for %s: %s", ovl_model_name(model), word);
    return decision;
}

/* 200 sleeps of 50 ms overlap, however busy the machine. */
static void waits_overlap_at_once(void)
{
    struct ovl_executor *executor = open_workers(0);
    map_same(executor, (struct doing){.sleep_ns = 50 * OVL_MILLISECOND}, 200);
    assert_true(atomic_load(&board->number[MOST]) >= OVERLAP);
    struct ovl_decision begin;
    assert_int_equal(ovl_auto_decision(executor, 0, &begin), 0);
    assert_true(begin.gain == 0); /* nothing was known */
    assert_true(expect_decided(executor, OVL_ASYNC, "give way").gain > 2);
    close_all(executor);
}

static void computing_gets_the_processors(void)
{
    struct ovl_executor *executor = open_workers(0);
    map_same(executor, (struct doing){.compute_ns = 5 * OVL_MILLISECOND}, 40);
    expect_decided(executor, OVL_THREADS, "compute");
    close_all(executor);
}

/* Unseen, they would hold up the loops, and no more of them than there are loops would overlap. */
static void unseen_waits_get_threads(void)
{
    struct ovl_executor *executor = open_workers(0);
    map_same(executor, (struct doing){.unseen_ns = 50 * OVL_MILLISECOND}, 200);
    assert_true(atomic_load(&board->number[MOST]) >= OVERLAP);
    /* as many to begin with as share what a disk does for one; found one by one, that takes longer
     */
    assert_true(expect_decided(executor, OVL_THREADS, "no hook sees").workers >= 16);
    close_all(executor);
}

static enum ovl_model last_model(struct ovl_executor *executor)
{
    struct ovl_decision last;
    assert_int_equal(ovl_auto_decision(executor, ovl_auto_decision_count(executor) - 1, &last), 0);
    return last.model;
}

/* Maps until the model is the one that suits: waits that a busy machine drew out are remembered for
 * longer, and then it takes some hundreds of tasks more. */
static void map_until(struct ovl_executor *executor, struct doing doing, enum ovl_model model)
{
    for (int maps = 0; maps < 10; maps++) {
        map_same(executor, doing, 200);
        if (last_model(executor) == model)
            return;
    }
    print_decisions(executor);
    fail_msg("2,000 tasks, and never %s", ovl_model_name(model));
}

static void a_change_is_noticed(void)
{
    struct ovl_executor *executor = open_workers(0);
    map_same(executor, (struct doing){.sleep_ns = 5 * OVL_MILLISECOND}, 200);
    expect_decided(executor, OVL_ASYNC, "give way");
    map_until(executor, (struct doing){.compute_ns = 3 * OVL_MILLISECOND}, OVL_THREADS);
    expect_decided(executor, OVL_THREADS, "compute");
    map_until(executor, (struct doing){.sleep_ns = 20 * OVL_MILLISECOND}, OVL_ASYNC);
    close_all(executor);
}

struct meeting {
    struct wire begun;
    struct wire release;
};

static int meet(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct meeting meeting = *(const struct meeting *)item.data;
    wire_tell(&meeting.begun, 1);
    return wire_await(&meeting.release, 1) ? 0 : -EPIPE;
}

enum { ALL = 100, MANY = 600 };

/* As many tasks as there are workers, each of which waits until all have begun. */
static void meet_all(struct ovl_executor *executor, int count)
{
    struct meeting meeting = {.begun = wire_open(), .release = wire_open()};
    struct ovl_bytes item = {.data = &meeting, .size = sizeof meeting};
    for (int i = 0; i < count; i++)
        assert_int_equal(ovl_submit(executor, meet, item, NULL), 0);
    assert_true(wire_await(&meeting.begun, count));
    wire_tell(&meeting.release, count);
    close_all(executor);
    wire_close(&meeting.begun);
    wire_close(&meeting.release);
}

/* After tasks that compute, few begin at once; where these wait for each other, all do. */
static void tasks_that_wait_for_each_other_all_begin(void)
{
    struct ovl_executor *executor = open_workers(ALL);
    map_until(executor, (struct doing){.compute_ns = 3 * OVL_MILLISECOND}, OVL_THREADS);
    meet_all(executor, ALL);
}

/* Also after tasks that wait, of which a few hundred begin before more of them are found to pay. */
static void tasks_that_wait_for_each_other_all_begin_after_waits(void)
{
    struct ovl_executor *executor = open_workers(MANY);
    map_same(executor, (struct doing){.sleep_ns = 5 * OVL_MILLISECOND}, 200);
    meet_all(executor, MANY);
}

/* Also after tiny ones, where the thread that called was a worker. */
static void a_caller_keeps_none_from_beginning(void)
{
    struct ovl_executor *executor = open_workers(ALL);
    for (int maps = 0; maps < 10 && last_model(executor) != OVL_SYNC; maps++)
        map_same(executor, (struct doing){0}, 20000);
    map_same(executor, (struct doing){0}, 100);
    meet_all(executor, ALL);
}

/* Also where threads that nobody needs any more are workers as well. */
static void idle_threads_keep_none_from_beginning(void)
{
    struct ovl_executor *executor = open_workers(ALL);
    map_same(executor, (struct doing){.unseen_ns = 20 * OVL_MILLISECOND}, 200);
    expect_decided(executor, OVL_THREADS, "no hook sees");
    map_until(executor, (struct doing){.sleep_ns = 5 * OVL_MILLISECOND}, OVL_ASYNC);
    meet_all(executor, ALL);
}

/* Tasks that became tiny ones run in the caller; the one that then waits stops no other. */
static void after_tiny_tasks_long_ones_overlap(void)
{
    struct ovl_executor *executor = open_workers(0);
    map_same(executor, (struct doing){0}, 20000);
    map_same(executor, (struct doing){.sleep_ns = 50 * OVL_MILLISECOND}, 100);
    assert_true(atomic_load(&board->number[MOST]) >= OVERLAP);
    close_all(executor);
}

/* --- tiny tasks, in the thread of whoever calls the map --- */

#define FAILS_EVERY 1000
#define TINY_MOST   2000000
#define TINY_ENOUGH 5000

struct tiny {
    pthread_t caller;
    struct ovl_executor *executor;
    bool cancels; /* once enough ran in the caller: the next one cancels all */
    size_t given; /* items */
    size_t seen;  /* results */
    size_t here;  /* tasks that ran in the caller */
    size_t refused;
    bool cancelled;
};

static struct tiny *tiny;

static int tiny_task(struct ovl_task *task, struct ovl_bytes item)
{
    size_t index = *(const size_t *)item.data;
    if (pthread_equal(pthread_self(), tiny->caller) && ++tiny->here == TINY_ENOUGH &&
        tiny->cancels) {
        ovl_executor_cancel(ovl_task_executor(task));
        tiny->cancelled = ovl_task_cancelled(task);
        return -EINTR;
    }
    size_t result = 2 * index;
    int error = ovl_task_return(task, &result, sizeof result);
    return index % FAILS_EVERY ? error : -EDOM;
}

static int tiny_item(void *context, struct ovl_bytes *ret_item)
{
    (void)context;
    static size_t index;
    if (tiny->here >= TINY_ENOUGH || tiny->given == TINY_MOST)
        return 0;
    index = tiny->given++;
    *ret_item = (struct ovl_bytes){.data = &index, .size = sizeof index};
    return 1;
}

static int tiny_end(void *context, size_t index, const struct ovl_outcome *outcome,
                    struct ovl_bytes result)
{
    (void)context;
    assert_int_equal(index, tiny->seen++);
    if (outcome->error == OVL_ECANCELED) {
        tiny->refused++;
        return 0;
    }
    assert_int_equal(outcome->error, index % FAILS_EVERY ? 0 : -EDOM);
    assert_int_equal(outcome->attempts, 1);
    assert_int_not_equal(outcome->worker, OVL_NO_WORKER);
    assert_int_equal(result.size, outcome->error ? 0 : sizeof(size_t));
    if (result.size)
        assert_int_equal(*(const size_t *)result.data, 2 * index);
    struct ovl_counts counts = checked_counts(tiny->executor);
    assert_true(counts.done + counts.failed > index);
    return 0;
}

static void map_tiny(bool cancels, const struct ovl_submit_options *options)
{
    struct tiny own = {
        .caller = pthread_self(),
        .executor = open_workers(0),
        .cancels = cancels,
    };
    tiny = &own;
    struct ovl_stream stream = {.next = tiny_item, .each = tiny_end, .task = *options};
    assert_int_equal(ovl_map_stream(own.executor, tiny_task, &stream), OVL_ETASKS);
    assert_int_equal(own.seen, own.given);
    assert_true(own.here >= TINY_ENOUGH);
    assert_int_equal(own.cancelled, cancels);
    assert_true(cancels ? own.refused > 0 : own.refused == 0);
    close_all(own.executor);
}

static void tiny_tasks_run_in_place(void)
{
    map_tiny(false, &(struct ovl_submit_options){0});
    map_tiny(false, &(struct ovl_submit_options){.deadline = ovl_after(3600 * OVL_SECOND)});
}

static void tiny_tasks_are_cancelled_in_place(void)
{
    map_tiny(true, &(struct ovl_submit_options){0});
}

/* --- a close that gives up on a task that runs in the thread that called the map --- */

static struct {
    pthread_t mapper;
    size_t here;
    size_t given;
    struct wire stays;
    struct wire may_go;
} abandoned;

static int stay_in_place(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    if (!pthread_equal(pthread_self(), abandoned.mapper) || ++abandoned.here < TINY_ENOUGH)
        return 0;
    wire_tell(&abandoned.stays, 1);
    return wire_await(&abandoned.may_go, 1) ? 0 : -EPIPE;
}

static int item_until_it_stayed(void *context, struct ovl_bytes *ret_item)
{
    (void)context;
    *ret_item = (struct ovl_bytes){0};
    return abandoned.here < TINY_ENOUGH && abandoned.given++ < TINY_MOST;
}

static void *map_until_it_stayed(void *executor)
{
    abandoned.mapper = pthread_self();
    struct ovl_stream stream = {.next = item_until_it_stayed};
    ovl_map_stream(executor, stay_in_place, &stream);
    return NULL;
}

static void a_task_in_place_outlives_its_executor(void)
{
    abandoned.stays = wire_open();
    abandoned.may_go = wire_open();
    struct ovl_executor *executor = open_workers(0);
    pthread_t mapper;
    assert_int_equal(pthread_create(&mapper, NULL, map_until_it_stayed, executor), 0);
    assert_true(wire_await(&abandoned.stays, 1));
    assert_int_equal(ovl_executor_close(executor, ovl_now()), OVL_ETIMEDOUT);
    wire_tell(&abandoned.may_go, 1);
    pthread_join(mapper, NULL);
    wire_close(&abandoned.stays);
    wire_close(&abandoned.may_go);
}

/* A deadline that passes: what has not begun by then never does. */
static int past_deadline(void *context, size_t index, const struct ovl_outcome *outcome,
                         struct ovl_bytes result)
{
    (void)index;
    (void)result;
    size_t *late = context;
    assert_int_equal(outcome->error, *late ? OVL_ETIMEDOUT : outcome->error);
    return outcome->error == OVL_ETIMEDOUT && ++*late == 3;
}

static int endless_item(void *context, struct ovl_bytes *ret_item)
{
    (void)context;
    static int item;
    *ret_item = (struct ovl_bytes){.data = &item, .size = sizeof item};
    return 1;
}

static void tiny_tasks_keep_their_deadline(void)
{
    struct ovl_executor *executor = open_workers(0);
    size_t late = 0;
    struct ovl_stream stream = {
        .next = endless_item,
        .each = past_deadline,
        .context = &late,
        .task = {.deadline = ovl_after(OVL_SECOND / 2)},
    };
    assert_int_equal(ovl_map_stream(executor, echo, &stream), 1);
    assert_int_equal(late, 3);
    close_all(executor);
}

static void decisions_are_readable(void)
{
    struct ovl_executor *executor = open_workers(3);
    assert_int_equal(ovl_auto_decision_count(executor), 1);
    struct ovl_decision decision;
    assert_int_equal(ovl_auto_decision(executor, 0, &decision), 0);
    assert_int_equal(decision.tasks, 0);
    assert_int_equal(decision.workers, 3);
    assert_true(decision.reason[0] != '\0');
    decision.workers = 77;
    assert_int_equal(ovl_auto_decision(executor, 1, &decision), -ERANGE);
    assert_int_equal(ovl_auto_decision(executor, SIZE_MAX, &decision), -ERANGE);
    assert_int_equal(decision.workers, 77);
    assert_int_equal(ovl_executor_model(executor), OVL_AUTO);
    close_all(executor);
}

static int crash_or_sleep(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    if (*(const int *)item.data == 7)
        abort();
    pause_ns(20 * OVL_MILLISECOND);
    return 0;
}

static void isolated_tasks_crash_alone(void)
{
    struct ovl_executor *executor = open_with(&(struct ovl_options){.isolated = true});
    assert_int_equal(ovl_executor_model(executor), OVL_PROCESSES);
    unsigned before = ovl_executor_limit(executor);
    struct ovl_outcome outcomes[200];
    int items[200];
    for (int i = 0; i < 200; i++)
        items[i] = i;
    assert_int_equal(
        ovl_map(executor, crash_or_sleep, items, sizeof *items, NULL, 0, 200, outcomes),
        OVL_ETASKS);
    for (int i = 0; i < 200; i++)
        assert_int_equal(outcomes[i].error, i == 7 ? OVL_ESIGNALED : 0);
    assert_true(ovl_executor_limit(executor) > before); /* they wait: more of them pay */
    struct ovl_decision decision;
    assert_int_equal(ovl_auto_decision(executor, 0, &decision), 0);
    assert_int_equal(decision.workers, before);
    assert_int_equal(decision.tasks, 0);
    size_t count = ovl_auto_decision_count(executor);
    assert_true(count > 1);
    assert_int_equal(ovl_auto_decision(executor, count - 1, &decision), 0);
    assert_int_equal(decision.model, OVL_PROCESSES);
    assert_int_equal(decision.workers, ovl_executor_limit(executor));
    assert_true(decision.tasks > 0 && decision.tasks <= 200);
    assert_string_not_equal(decision.reason, "");
    close_all(executor);
}

/* A task that holds up its loop holds up the threads that should see it. */
static const char one_thread_at_a_time[] = "it runs one thread at a time";

int auto_cases(const char *only)
{
    static const struct test_case cases[] = {
        TEST_CASE(waits_overlap_at_once),
        TEST_CASE(computing_gets_the_processors),
        {.name = "unseen_waits_get_threads",
         .run = unseen_waits_get_threads,
         .valgrind = one_thread_at_a_time},
        {.name = "a_change_is_noticed",
         .run = a_change_is_noticed,
         .valgrind = one_thread_at_a_time},
        TEST_CASE(tasks_that_wait_for_each_other_all_begin),
        TEST_CASE(tasks_that_wait_for_each_other_all_begin_after_waits),
        TEST_CASE(a_caller_keeps_none_from_beginning),
        {.name = "idle_threads_keep_none_from_beginning",
         .run = idle_threads_keep_none_from_beginning,
         .valgrind = one_thread_at_a_time},
        TEST_CASE(after_tiny_tasks_long_ones_overlap),
        TEST_CASE(tiny_tasks_run_in_place),
        TEST_CASE(tiny_tasks_are_cancelled_in_place),
        TEST_CASE(a_task_in_place_outlives_its_executor),
        TEST_CASE(tiny_tasks_keep_their_deadline),
        TEST_CASE(decisions_are_readable),
        TEST_CASE(isolated_tasks_crash_alone),
    };
    return the_model == OVL_AUTO ? run_cases("auto", cases, COUNT_OF(cases), only) : 0;
}
