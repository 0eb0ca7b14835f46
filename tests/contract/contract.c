/* Proves what include/overlap/ promises of executors, over the model that the command line names.
 */
#include "contract.h"
#include "ranks.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum ovl_model the_model;
unsigned the_loops;

bool runs_in_submit(void)
{
    return the_model == OVL_SYNC;
}

bool shares_memory(void)
{
    return the_model != OVL_PROCESSES && the_model != OVL_CLUSTER;
}

bool has_our_files(void)
{
    return the_model != OVL_CLUSTER;
}

bool one_at_a_time(void)
{
    return the_model == OVL_CLUSTER;
}

struct ovl_executor *open_with(const struct ovl_options *options)
{
    struct ovl_executor *executor = NULL;
    struct ovl_options with_loops = options ? *options : (struct ovl_options){0};
    with_loops.loops = the_loops;
    int error = ovl_executor_open(the_model, the_loops ? &with_loops : options, &executor);
    if (error)
        fail_msg("ovl_executor_open: %s", ovl_error_message(error));
    assert_non_null(executor);
    return executor;
}

struct ovl_executor *open_workers(unsigned workers)
{
    return open_with(&(struct ovl_options){.workers = workers});
}

void close_all(struct ovl_executor *executor)
{
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
}

struct ovl_future *submit_with(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                               size_t size, const struct ovl_submit_options *options)
{
    struct ovl_future *future = NULL;
    struct ovl_bytes bytes = {.data = size ? item : NULL, .size = size};
    int error = ovl_submit_with(executor, fn, bytes, options, &future);
    if (error)
        fail_msg("ovl_submit: %s", ovl_error_message(error));
    assert_non_null(future);
    return future;
}

struct ovl_future *submit(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                          size_t size)
{
    return submit_with(executor, fn, item, size, NULL);
}

struct ovl_future *submit_dated(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                                size_t size, ovl_time *ret_deadline)
{
    for (ovl_time left = 100 * OVL_MILLISECOND;; left *= 2) {
        struct ovl_submit_options options = {.deadline = ovl_after(left)};
        struct ovl_future *future = submit_with(executor, fn, item, size, &options);
        *ret_deadline = options.deadline;
        if (ovl_future_outcome(future).attempts)
            return future;
        expect_error(future, OVL_ETIMEDOUT);
    }
}

static const char *text_of(struct ovl_future *future)
{
    static char text[200];
    struct ovl_outcome outcome = ovl_future_outcome(future);
    ovl_outcome_text(&outcome, text, sizeof text);
    return text;
}

void expect_error(struct ovl_future *future, int error)
{
    struct ovl_outcome outcome = ovl_future_outcome(future);
    if (outcome.error != error)
        fail_msg("expected error %d, got %d (detail %d): %s", error, outcome.error, outcome.detail,
                 text_of(future));
    assert_int_equal(ovl_future_result(future, NULL), error);
    ovl_future_free(future);
}

void expect_bytes(struct ovl_future *future, const void *bytes, size_t size)
{
    struct ovl_bytes result = {0};
    int error = ovl_future_result(future, &result);
    if (error)
        fail_msg("expected a result, got error %d: %s", error, text_of(future));
    assert_int_equal(result.size, size);
    assert_true(size == 0 || memcmp(result.data, bytes, size) == 0);
    ovl_future_free(future);
}

void pause_ns(ovl_time length_ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(length_ns / OVL_SECOND),
                                 .tv_nsec = (long)(length_ns % OVL_SECOND)},
              NULL);
}

void await_number(unsigned n, long value)
{
    ovl_time patience = ovl_after(PATIENCE_NS);
    while (atomic_load(&board->number[n]) < value) {
        if (ovl_now() > patience)
            fail_msg("number %u stays at %ld, below %ld", n, atomic_load(&board->number[n]), value);
        pause_ns(OVL_MILLISECOND);
    }
}

struct ovl_counts checked_counts(struct ovl_executor *executor)
{
    struct ovl_counts counts;
    memset(&counts, 0xff, sizeof counts);
    ovl_executor_counts(executor, &counts);
    assert_int_equal(counts.submitted, counts.done + counts.failed + counts.cancelled +
                                           counts.queued + counts.running);
    return counts;
}

int echo(struct ovl_task *task, struct ovl_bytes item)
{
    return ovl_task_return(task, item.data, item.size);
}

int square(struct ovl_task *task, struct ovl_bytes item)
{
    const int *number = item.data;
    int *result = ovl_task_result(task, sizeof *result);
    if (!result)
        return -ENOMEM;
    *result = *number * *number;
    return 0;
}

int count_call(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    atomic_fetch_add(&board->number[0], 1);
    return 0;
}

int fail_with(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return *(const int *)item.data;
}

int hold(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct hold_item hold = *(const struct hold_item *)item.data;
    wire_tell(&hold.begun, 1);
    return wire_await(&hold.release, 1) ? 0 : -EPIPE;
}

int until_cancelled(struct ovl_task *task, struct ovl_bytes item)
{
    struct wire begun = *(const struct wire *)item.data;
    wire_tell(&begun, 1);
    while (!ovl_task_cancelled(task))
        pause_ns(OVL_MILLISECOND);
    return -EINTR;
}

struct holder holder_new(void)
{
    return (struct holder){.item = {.begun = wire_open(), .release = wire_open()}};
}

void holder_begin(struct holder *holder, struct ovl_executor *executor)
{
    holder->future = submit(executor, hold, &holder->item, sizeof holder->item);
    assert_true(wire_await(&holder->item.begun, 1));
}

void holder_release(const struct holder *holder)
{
    wire_tell(&holder->item.release, 1);
}

void holder_end(struct holder *holder)
{
    expect_error(holder->future, 0);
    wire_close(&holder->item.begun);
    wire_close(&holder->item.release);
}

static int run_all(const char *only)
{
    int (*const groups[])(const char *) = {
        submit_cases,    map_cases,       stream_cases,   session_cases, nested_cases,
        queue_cases,     cancel_cases,    deadline_cases, close_cases,   many_callers_cases,
        ledger_cases,    processes_cases, async_cases,    random_cases,  limit_cases,
        auto_cases,      fork_join_cases, fork_cases,     loops_cases,   threads_cases,
        interrupt_cases,
    };
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        failed += groups[i](only);
    return failed;
}

/* What is under test: a model, or the one of several loops. */
static int parse(const char *name)
{
    if (strcmp(name, "loops") != 0)
        return ovl_model_parse(name, &the_model);
    the_model = OVL_ASYNC;
    the_loops = 3;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || parse(argv[1])) {
        fprintf(
            stderr,
            "usage: %s sync|threads|async|loops|processes|auto|cluster [part of a case's name]\n",
            argv[0]);
        return 2;
    }
    if (the_model == OVL_CLUSTER && !ranks_join() && !ranks_begin())
        return EXIT_FAILURE;
    int failed = run_all(argc > 2 ? argv[2] : NULL);
    ranks_end();
    fprintf(stderr, "contract over %s: %d cases failed\n", argv[1], failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
