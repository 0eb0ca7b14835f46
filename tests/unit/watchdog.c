/*
 * Proves that a task which keeps its loop is reported while it does so, by the function that it is
 * in, and that nobody else is.
 */
#include "../support/cases.h"
#include "../support/emulator.h"

#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

/* What a handler was told, and the names of the functions, innermost first, each with a full stop.
 */
struct told {
    atomic_int count;
    int stalls;        /* that there were */
    atomic_bool go_on; /* who keeps the loop may stop it */
    size_t task;
    char name[40];
    char functions[2000];
    char file[200];
    ovl_time length_ns;
};

static void add_function(char *text, size_t size, const char *function)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s.", function ? function : "?");
}

/*
 * A machine that gives the loop no processor holds it up too: that is a stall, and not the test's.
 * One that is seen inside of ThreadSanitizer's runtime, which keeps no frames, is waited for again.
 */
static void note_stall(void *context, const struct ovl_stall *stall)
{
    struct told *told = context;
    char functions[sizeof told->functions] = "";
    const char *file = NULL;
    for (size_t i = 0; i < stall->frame_count; i++) {
        const struct ovl_frame *frame = &stall->frames[i];
        add_function(functions, sizeof functions, frame->function);
        if (frame->function && !strcmp(frame->function, "keep_the_loop"))
            file = frame->file;
    }
    if (!strstr(functions, "keep_the_loop.") || !strncmp(functions, "__tsan_", strlen("__tsan_")))
        return;
    told->task = stall->task;
    told->length_ns = stall->length_ns;
    snprintf(told->name, sizeof told->name, "%s", stall->name);
    snprintf(told->functions, sizeof told->functions, "%s", functions);
    snprintf(told->file, sizeof told->file, "%s", file ? file : "");
    atomic_fetch_add(&told->count, 1);
    atomic_store(&told->go_on, true);
}

/* Computes until it was reported: that it is, while it lasts, is what ends it. */
__attribute__((noinline)) int keep_the_loop(struct told *told);
int keep_the_loop(struct told *told)
{
    told->stalls++;
    ovl_time guard = ovl_after(3 * OVL_SECOND);
    volatile unsigned x = 1;
    while (!atomic_load(&told->go_on) && ovl_now() < guard)
        for (int i = 0; i < 1000; i++)
            x = x * 3 + 1;
    return atomic_load(&told->go_on) ? 0 : 1;
}

/*
 * Where the machine took the processor away just before, that was reported, and once is enough for
 * one stall: then there has to be another.
 */
static int stall_until_told(struct told *told)
{
    int error = 1;
    for (int tries = 0; error && tries < 15; tries++) {
        error = keep_the_loop(told);
        ovl_yield();
    }
    return error;
}

static int stall(void *argument)
{
    ovl_set_name("the slow one");
    return stall_until_told(argument);
}

static void check_told(const struct told *told)
{
    assert_in_range(atomic_load(&told->count), 1, told->stalls);
    assert_true(told->length_ns >= 20 * MS);
    assert_non_null(strstr(told->functions, "keep_the_loop."));
}

static void a_stall_is_reported_while_it_lasts(void)
{
    struct told told = {.count = 0};
    struct ovl_run_options options = {
        .stall_ns = 20 * MS, .stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_run(stall, &told, &options), 0);
    check_told(&told);
    assert_string_equal(told.name, "the slow one");
    assert_true(told.task == OVL_NO_TASK);
    if (!strstr(told.functions, "stall."))
        fail_msg("the backtrace is: %s", told.functions);
    assert_non_null(strstr(told.file, "watchdog.c"));
}

static int stall_as_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return stall_until_told(*(struct told **)item.data);
}

/* The default limit: the task is named by its number, and its record counts it. */
static void a_stall_is_counted_in_the_ledger(void)
{
    struct told told = {.count = 0};
    struct told *context = &told;
    struct ovl_ledger *ledger;
    struct ovl_executor *executor;
    struct ovl_future *future;
    struct ovl_record record;
    assert_int_equal(ovl_ledger_open(0, &ledger), 0);
    struct ovl_options options = {.ledger = ledger, .stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    struct ovl_bytes item = {.data = &context, .size = sizeof context};
    assert_int_equal(ovl_submit(executor, stall_as_task, item, &future), 0);
    assert_int_equal(ovl_future_wait(future, OVL_FOREVER), 0);
    ovl_future_free(future);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    check_told(&told);
    assert_true(told.length_ns >= OVL_STALL_NS);
    assert_int_equal(told.task, 0);
    assert_int_equal(ovl_ledger_read(ledger, 0, &record), 0);
    assert_true(record.stalls >= 1);
    ovl_ledger_close(ledger);
}

struct fair {
    atomic_int stalls;
    ovl_time longest; /* for which its machine let it wait, as far as it can tell */
};

static void count_stall(void *context, const struct ovl_stall *stall)
{
    struct fair *fair = context;
    (void)stall;
    atomic_fetch_add(&fair->stalls, 1);
}

/* Those who give way, however busy, and those who sleep, hold up nobody. */
static int busy_but_fair(void *argument)
{
    struct fair *fair = argument;
    ovl_time last = ovl_now();
    ovl_time until = last + 150 * MS;
    while (last < until) {
        ovl_yield();
        ovl_time now = ovl_now();
        fair->longest = now - last > fair->longest ? now - last : fair->longest;
        last = now;
    }
    until = ovl_after(150 * MS);
    ovl_sleep(until);
    ovl_time late = ovl_now() - until;
    fair->longest = late > fair->longest ? late : fair->longest;
    return 0;
}

/* But where the machine took the processor away for so long, which is a stall, too: within a turn,
 * it may be twice. */
static void who_gives_way_is_not_reported(void)
{
    struct fair fair = {.stalls = 0};
    struct ovl_run_options options = {
        .stall_ns = 100 * MS, .stalled = count_stall, .stall_context = &fair};
    assert_int_equal(ovl_run(busy_but_fair, &fair, &options), 0);
    if (fair.longest < 50 * MS)
        assert_int_equal(atomic_load(&fair.stalls), 0);
}

#ifndef __SANITIZE_THREAD__
/* The watchdog, its signals and its locks do not come along into a child, which may run a loop
 * itself. */
static int fork_and_run(void *argument)
{
    (void)argument;
    pid_t child = fork();
    if (child == 0) {
        struct told told = {.count = 0};
        struct ovl_run_options options = {
            .stall_ns = 20 * MS, .stalled = note_stall, .stall_context = &told};
        _exit(ovl_run(stall, &told, &options) || atomic_load(&told.count) != 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void children_have_watchdogs_of_their_own(void)
{
    if (!forks_can_start_threads())
        skip();
    struct told told = {.count = 0};
    struct ovl_run_options options = {.stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_run(fork_and_run, NULL, &options), 0);
}
#endif

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(a_stall_is_reported_while_it_lasts),
        TEST_CASE(a_stall_is_counted_in_the_ledger),
        TEST_CASE(who_gives_way_is_not_reported),
#ifndef __SANITIZE_THREAD__ /* which has no threads after a fork of a process with threads */
        TEST_CASE(children_have_watchdogs_of_their_own),
#endif
    };
    return run_cases("watchdog", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                    : EXIT_SUCCESS;
}
