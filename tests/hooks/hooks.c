/*
 * Proves that hooked calls give the same values, errors and bytes in a coroutine as outside of one,
 * plain or fortified, and that others go on while one of them waits.
 */
#include "../support/cases.h"
#include "record.h"
#include <errno.h>
#include <overlap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool over;

/* What of the case's process a task needs: its tasks run in this process, never in another. */
struct job {
    const struct hook_case *hook_case;
    struct record *record;
};

static int run_job(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct job *job = item.data;
    job->hook_case->run(job->record);
    return 0;
}

/* Shows, by record_ticks, that coroutines other than the case's get their turns. */
static int tick(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    while (!atomic_load(&over)) {
        atomic_fetch_add(&record_ticks, 1);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return 0;
}

static struct record *record_new(bool in_coroutine)
{
    struct record *record = calloc(1, sizeof *record);
    assert_non_null(record);
    record->in_coroutine = in_coroutine;
    return record;
}

/* Runs the case as a task of `model`, while another task ticks. */
static struct record *run_as_task(const struct hook_case *hook_case, enum ovl_model model)
{
    struct record *record = record_new(model == OVL_ASYNC);
    struct ovl_ledger *ledger = NULL;
    assert_int_equal(ovl_ledger_open(0, &ledger), 0);
    struct ovl_options options = {.workers = 4, .ledger = ledger};
    struct ovl_executor *executor = NULL;
    assert_int_equal(ovl_executor_open(model, &options, &executor), 0);
    atomic_store(&over, false);
    struct ovl_future *ticker = NULL;
    struct ovl_future *future = NULL;
    struct job job = {.hook_case = hook_case, .record = record};
    assert_int_equal(ovl_submit(executor, tick, (struct ovl_bytes){0}, &ticker), 0);
    assert_int_equal(ovl_submit(executor, run_job,
                                (struct ovl_bytes){.data = &job, .size = sizeof job}, &future),
                     0);
    assert_int_equal(ovl_future_result(future, NULL), 0);
    atomic_store(&over, true);
    assert_int_equal(ovl_future_result(ticker, NULL), 0);
    ovl_future_free(future);
    ovl_future_free(ticker);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    ovl_ledger_close(ledger);
    return record;
}

/* On a busy machine a time may be over before the call is made that is to wait for it, and then
 * nobody else gets a turn: what seems stuck is run again, a few times. */
static struct record *run_in_coroutine(const struct hook_case *hook_case)
{
    enum { TRIES = 4 };
    struct record *record = run_as_task(hook_case, OVL_ASYNC);
    for (int tries = 1; record->stuck && tries < TRIES; tries++) {
        free(record);
        record = run_as_task(hook_case, OVL_ASYNC);
    }
    return record;
}

static struct record *run_outside(const struct hook_case *hook_case)
{
    struct record *record = record_new(false);
    hook_case->run(record);
    return record;
}

static void expect_same(const struct record *expected, struct record *record, const char *where)
{
    if (record->broken)
        fail_msg("%s: the case could not run:\n%s", where, record->text);
    if (record->stuck)
        fail_msg("%s: a call that waited did not let others go on:\n%s", where, record->text);
    if (strcmp(expected->text, record->text) != 0)
        fail_msg("%s differs. Outside of tasks:\n%s%s:\n%s", where, expected->text, where,
                 record->text);
    free(record);
}

/* One case, as it was compiled both ways. */
struct pair {
    const struct hook_case *plain;
    const struct hook_case *fortified;
};

static void compare_runs(void)
{
    const struct pair *pair = case_argument;
    const struct hook_case *plain = pair->plain;
    const struct hook_case *fortified = pair->fortified;
    signal(SIGPIPE, SIG_IGN);
    struct record *expected = run_outside(plain);
    assert_true(expected->length > 0);
    assert_false(expected->broken);
    expect_same(expected, run_outside(fortified), "fortified, outside of tasks");
    expect_same(expected, run_in_coroutine(plain), "plain, in a coroutine");
    expect_same(expected, run_in_coroutine(fortified), "fortified, in a coroutine");
    expect_same(expected, run_as_task(plain, OVL_THREADS), "plain, in a thread's task");
    free(expected);
}

static const struct pair lists[] = {
    {cases_files_plain, cases_files_fortified},     {cases_futexes_plain, cases_futexes_fortified},
    {cases_io_plain, cases_io_fortified},           {cases_locks_plain, cases_locks_fortified},
    {cases_others_plain, cases_others_fortified},   {cases_prints_plain, cases_prints_fortified},
    {cases_queues_plain, cases_queues_fortified},   {cases_signals_plain, cases_signals_fortified},
    {cases_sockets_plain, cases_sockets_fortified}, {cases_streams_plain, cases_streams_fortified},
    {cases_waits_plain, cases_waits_fortified},
};

/* Cases mostly wait, for idle helper threads to end too: so many are run at once. */
#define SHARDS 8

/* Runs every SHARDS-th case. */
static int run_shard(int shard, const char *only)
{
    int failed = 0;
    int number = 0;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (struct pair pair = lists[i]; pair.plain->name; pair.plain++, pair.fortified++) {
            struct test_case test = {
                .name = pair.plain->name, .run = compare_runs, .argument = &pair};
            if (number++ % SHARDS == shard)
                failed += run_cases("hooks", &test, 1, only);
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    for (int shard = 0; shard < SHARDS; shard++) {
        pid_t child = fork();
        if (child == 0)
            exit(run_shard(shard, only) ? EXIT_FAILURE : EXIT_SUCCESS);
        if (child < 0)
            return EXIT_FAILURE;
    }
    bool passed = true;
    for (int status; wait(&status) > 0;)
        passed = passed && status == 0;
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
