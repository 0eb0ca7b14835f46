/* What the contract's cases share: the model they run over, and the tasks and steps most of them
 * take. */
#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include "../support/cases.h"
#include "../support/pattern.h"
#include "../support/wire.h"
#include <overlap.h>

/* The model under test. */
extern enum ovl_model the_model;

/* How many loops `async` is opened with; 0: as by default. */
extern unsigned the_loops;

/* What models promise differently. */
bool runs_in_submit(void); /* sync: a task has ended when its submit returns */
bool shares_memory(void);  /* a task's writes reach the case */
bool has_our_files(void);  /* a task has the descriptors that the case opened before */
bool one_at_a_time(void);  /* no second executor may be open */

/* Each runs a group of cases over the_model and returns how many failed. */
int submit_cases(const char *only);
int map_cases(const char *only);
int stream_cases(const char *only);
int session_cases(const char *only);
int nested_cases(const char *only);
int queue_cases(const char *only);
int cancel_cases(const char *only);
int deadline_cases(const char *only);
int close_cases(const char *only);
int fork_cases(const char *only);
int threads_cases(const char *only);
int fork_join_cases(const char *only);
int many_callers_cases(const char *only);
int ledger_cases(const char *only);
int limit_cases(const char *only);
int processes_cases(const char *only);
int auto_cases(const char *only);
int async_cases(const char *only);
int loops_cases(const char *only);
int random_cases(const char *only);
int interrupt_cases(const char *only);

/* Opens the model with `workers`, or as `options` say; fails the case where it cannot. */
struct ovl_executor *open_workers(unsigned workers);
struct ovl_executor *open_with(const struct ovl_options *options);

/* Closes an executor that has nothing to wait for but its tasks' end. */
void close_all(struct ovl_executor *executor);

/* Submits fn on a copy of `size` bytes; fails the case where that is refused. */
struct ovl_future *submit(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                          size_t size);
struct ovl_future *submit_with(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                               size_t size, const struct ovl_submit_options *options);

/*
 * Submits fn with a deadline that passes while it runs, and waits for its end. On a busy machine a
 * deadline may pass before a worker has begun: then there is another try, with more time.
 */
struct ovl_future *submit_dated(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                                size_t size, ovl_time *ret_deadline);

/* Waits for the task, checks its outcome's error, and frees the future. */
void expect_error(struct ovl_future *future, int error);

/* Waits for the task, checks that its result is these bytes, and frees the future. */
void expect_bytes(struct ovl_future *future, const void *bytes, size_t size);

/* Waits until board->number[n] is at least `value`; fails the case where that takes too long. */
void await_number(unsigned n, long value);

/* Sleeps without being a test's assertion. */
void pause_ns(ovl_time length_ns);

/* Checks that the counts add up, and returns them. */
struct ovl_counts checked_counts(struct ovl_executor *executor);

/* Returns its item. */
int echo(struct ovl_task *task, struct ovl_bytes item);

/* Returns the square of its item, an int. */
int square(struct ovl_task *task, struct ovl_bytes item);

/* Adds 1 to board->number[0]. */
int count_call(struct ovl_task *task, struct ovl_bytes item);

/* Returns its item, an int, as its error. */
int fail_with(struct ovl_task *task, struct ovl_bytes item);

/* The item of `hold`: tells `begun`, then waits for one telling of `release`. */
struct hold_item {
    struct wire begun;
    struct wire release;
};
int hold(struct ovl_task *task, struct ovl_bytes item);

/* Tells the wire that is its item, then sleeps in short steps until it is asked to end. */
int until_cancelled(struct ovl_task *task, struct ovl_bytes item);

/* A worker that is kept busy by a task that holds. */
struct holder {
    struct hold_item item;
    struct ovl_future *future;
};

/* Opens the wires of a holder, before the executor is opened. */
struct holder holder_new(void);

/* Submits the holding task and waits until it has begun. */
void holder_begin(struct holder *holder, struct ovl_executor *executor);

/* Lets the holding task go on. */
void holder_release(const struct holder *holder);

/* Checks that the holding task ended well, and closes the wires. */
void holder_end(struct holder *holder);

#endif
