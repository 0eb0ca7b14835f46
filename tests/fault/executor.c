/*
 * Proves that an executor's whole life, under every model, bears the failure of any call to the
 * system: no crash, no hang, no leak, no wrong result, and every task that was accepted ends.
 */
#include "../support/cases.h"
#include "../support/watch.h"
#include "inject.h"
#include <errno.h>
#include <overlap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORKERS      3
#define INNER_FAILED 77 /* the code of a task whose inner tasks failed */

/* On the board. */
#define SESSIONS_OPENED 0
#define SESSIONS_CLOSED 1
#define STRANGE_ERRORS  2 /* seen in tasks */
#define BEGUN           3 /* tasks that are to be cancelled */

/* What runs: one process is one model. */
static enum ovl_model model;

struct plan {
    char name[48];
    const struct inject_point *point;
    bool on; /* all calls after it fail, too */
};

/* --- what may happen --- */

static bool is_session_fault(const struct ovl_outcome *outcome)
{
    return outcome->error == OVL_ESESSION && is_told(outcome->detail);
}

/* A worker process to which memory was refused as it began exits; where no worker is left, that is
 * the tasks' error. */
static bool is_lost_worker(const struct ovl_outcome *outcome)
{
    return model == OVL_PROCESSES && outcome->error == OVL_EEXITED;
}

static bool may_be(const struct ovl_outcome *outcome)
{
    return !outcome->error || is_told(outcome->error) || is_session_fault(outcome) ||
           is_lost_worker(outcome) || outcome->error == INNER_FAILED;
}

/* --- tasks --- */

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    if (ovl_task_session(task) == NULL)
        return -EPROTO;
    number *= number;
    return ovl_task_return(task, &number, sizeof number);
}

static int wait_a_little(const int fds[2])
{
    char byte;
    struct pollfd look = {.fd = fds[0], .events = POLLIN};
    if (nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL))
        return -errno;
    if (poll(&look, 1, 1) < 0)
        return -errno;
    if (write(fds[1], "x", 1) != 1 || read(fds[0], &byte, 1) != 1)
        return -errno;
    return byte == 'x' ? 0 : -EPROTO;
}

/* Waits in every way that has a hook of its own, then squares. */
static int wait_and_square(struct ovl_task *task, struct ovl_bytes item)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return -errno;
    int error = wait_a_little(fds);
    close(fds[0]);
    close(fds[1]);
    return error ? error : square(task, item);
}

/* The square by way of a result that grows: only its first bytes are kept. */
static int grow_and_square(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    number *= number;
    int error = ovl_task_append(task, &number, sizeof number);
    for (int i = 0; i < 5 && !error; i++)
        error = ovl_task_append(task, &(char[500]){0}, 500);
    return error || ovl_task_result(task, sizeof number) ? error : -ENOMEM;
}

/* More than a worker process keeps memory for, there and back. */
#define LARGE ((size_t)5 << 20)

static int return_item(struct ovl_task *task, struct ovl_bytes item)
{
    return ovl_task_return(task, item.data, item.size);
}

static int until_cancelled(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    atomic_store(&board->number[BEGUN], 1);
    while (!ovl_task_cancelled(task))
        if (nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL))
            return -errno;
    return -EINTR;
}

static int inner_error(const struct ovl_outcome *outcome)
{
    if (!may_be(outcome))
        atomic_fetch_add(&board->number[STRANGE_ERRORS], 1);
    return outcome->error ? INNER_FAILED : 0;
}

static int submit_inner(struct ovl_executor *executor, int number, int *ret_square)
{
    struct ovl_future *future = NULL;
    struct ovl_bytes item = {.data = &number, .size = sizeof number};
    int error = ovl_submit(executor, square, item, &future);
    if (error)
        return future ? -EPROTO : error;
    struct ovl_bytes result;
    ovl_future_result(future, &result);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    error = inner_error(&outcome);
    if (!error)
        memcpy(ret_square, result.data, sizeof *ret_square);
    ovl_future_free(future);
    return error;
}

static int map_inner(struct ovl_executor *executor, int number, int *ret_square)
{
    int items[3] = {number, number, number};
    int results[3];
    int error = ovl_map(executor, square, items, sizeof(int), results, sizeof(int), 3, NULL);
    if (error == OVL_ETASKS)
        return INNER_FAILED;
    *ret_square = results[2];
    return error;
}

/* The square as two inner tasks, and then a map of them, find it. */
static int nest_and_square(struct ovl_task *task, struct ovl_bytes item)
{
    struct ovl_executor *executor = ovl_task_executor(task);
    int number = *(const int *)item.data;
    int first = 0, second = 0;
    int error = submit_inner(executor, number, &first);
    if (!error)
        error = map_inner(executor, number, &second);
    if (!error && first != second)
        return -EPROTO;
    return error ? error : ovl_task_return(task, &first, sizeof first);
}

/* --- sessions --- */

static int session_open(void *context, void **ret_session)
{
    (void)context;
    *ret_session = malloc(1);
    atomic_fetch_add(&board->number[SESSIONS_OPENED], 1);
    return *ret_session ? 0 : -EPROTO;
}

static void session_close(void *context, void *session)
{
    (void)context;
    free(session);
    atomic_fetch_add(&board->number[SESSIONS_CLOSED], 1);
}

/* --- the scenario --- */

static void check_square(struct ovl_future *future, int number)
{
    struct ovl_bytes result;
    int error = ovl_future_result(future, &result);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_int_equal(error, outcome.error);
    if (!may_be(&outcome))
        fail_msg("a task ended with %d, detail %d", outcome.error, outcome.detail);
    if (error) {
        assert_int_equal(result.size, 0);
        return;
    }
    assert_int_equal(result.size, sizeof number);
    int squared;
    memcpy(&squared, result.data, sizeof squared);
    assert_int_equal(squared, number * number);
}

static void submit_and_wait(struct ovl_executor *executor)
{
    ovl_task_fn *const tasks[] = {square,          square,          wait_and_square,
                                  wait_and_square, grow_and_square, nest_and_square,
                                  nest_and_square};
    struct ovl_future *futures[COUNT_OF(tasks)] = {NULL};
    for (int i = 0; i < (int)COUNT_OF(tasks); i++) {
        struct ovl_bytes item = {.data = &i, .size = sizeof i};
        /* A deadline takes a timer where tasks run in a loop. */
        const struct ovl_submit_options options = {.deadline = i % 2 ? ovl_after(PATIENCE_NS) : 0};
        int error = ovl_submit_with(executor, tasks[i], item, &options, &futures[i]);
        assert_true(!error || is_told(error));
        assert_int_equal(!error, futures[i] != NULL);
    }
    for (int i = 0; i < (int)COUNT_OF(tasks); i++) {
        if (!futures[i])
            continue;
        assert_int_equal(ovl_future_wait(futures[i], ovl_after(PATIENCE_NS)), 0);
        check_square(futures[i], i);
        ovl_future_free(futures[i]);
    }
}

static void submit_large(struct ovl_executor *executor)
{
    char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    memset(bytes, 'b', LARGE);
    struct ovl_future *future = NULL;
    int error = ovl_submit(executor, return_item, (struct ovl_bytes){.data = bytes, .size = LARGE},
                           &future);
    assert_true(!error || is_told(error));
    assert_int_equal(!error, future != NULL);
    if (future) {
        struct ovl_bytes result;
        ovl_future_result(future, &result);
        struct ovl_outcome outcome = ovl_future_outcome(future);
        assert_true(may_be(&outcome));
        assert_int_equal(result.size, outcome.error ? 0 : LARGE);
        assert_true(!result.size || !memcmp(result.data, bytes, LARGE));
    }
    ovl_future_free(future);
    free(bytes);
}

/* Under sync the submit would not return. */
static void submit_and_cancel(struct ovl_executor *executor)
{
    struct ovl_future *future = NULL;
    if (model == OVL_SYNC)
        return;
    atomic_store(&board->number[BEGUN], 0);
    int error = ovl_submit(executor, until_cancelled, (struct ovl_bytes){0}, &future);
    if (error) {
        assert_true(is_told(error));
        assert_null(future);
        return;
    }
    /* It runs, or a fault has ended it before. */
    while (!atomic_load(&board->number[BEGUN]) &&
           ovl_future_wait(future, ovl_after(OVL_MILLISECOND)))
        ;
    ovl_future_cancel(future);
    assert_int_equal(ovl_future_wait(future, ovl_after(PATIENCE_NS)), 0);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    assert_true(outcome.error == OVL_ECANCELED || (outcome.error && may_be(&outcome)));
    ovl_future_free(future);
}

#define ITEMS 20

static void map_items(struct ovl_executor *executor)
{
    int items[ITEMS], results[ITEMS];
    struct ovl_outcome outcomes[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        items[i] = i;
    int error =
        ovl_map(executor, square, items, sizeof *items, results, sizeof *results, ITEMS, outcomes);
    assert_true(!error || error == OVL_ETASKS || is_told(error));
    int failed = 0;
    for (int i = 0; i < ITEMS; i++) {
        bool not_begun = outcomes[i].error == OVL_ECANCELED && outcomes[i].worker == OVL_NO_WORKER;
        assert_true(may_be(&outcomes[i]) || (not_begun && is_told(error)));
        assert_int_equal(results[i], outcomes[i].error ? 0 : i * i);
        failed += outcomes[i].error != 0;
    }
    assert_int_equal(error != 0, failed > 0);
}

struct counting {
    int next;
    int given;
    int failed;
};

static int count_next(void *context, struct ovl_bytes *ret_item)
{
    struct counting *counting = context;
    if (counting->next == ITEMS)
        return 0;
    counting->next++;
    *ret_item = (struct ovl_bytes){.data = &counting->next, .size = sizeof counting->next};
    return 1;
}

static int check_each(void *context, size_t index, const struct ovl_outcome *outcome,
                      struct ovl_bytes result)
{
    struct counting *counting = context;
    assert_int_equal(index, counting->given++);
    assert_true(may_be(outcome));
    counting->failed += outcome->error != 0;
    int number = (int)index + 1;
    if (outcome->error)
        assert_int_equal(result.size, 0);
    else
        assert_int_equal(*(const int *)result.data, number * number);
    return 0;
}

static void map_stream(struct ovl_executor *executor)
{
    struct counting counting = {0};
    const struct ovl_stream stream = {
        .next = count_next,
        .each = check_each,
        .context = &counting,
        .window = 4,
    };
    int error = ovl_map_stream(executor, square, &stream);
    if (!error || error == OVL_ETASKS) {
        assert_int_equal(counting.given, ITEMS);
        assert_int_equal(error == OVL_ETASKS, counting.failed > 0);
        return;
    }
    /* The item whose submit failed was taken, and given to nobody. */
    assert_true(is_told(error));
    assert_true(counting.given < ITEMS);
    assert_true(counting.given == counting.next - 1 || !counting.next);
}

static struct ovl_counts check_counts(struct ovl_executor *executor)
{
    struct ovl_counts counts;
    ovl_executor_counts(executor, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.running, 0);
    assert_int_equal(counts.submitted, counts.done + counts.failed + counts.cancelled);
    return counts;
}

static void check_ledger(struct ovl_ledger *ledger, const struct ovl_counts *counts)
{
    struct ovl_ledger_sum sum;
    ovl_ledger_sum(ledger, &sum);
    assert_in_range(sum.tasks, counts->done, counts->done + counts->failed);
    assert_true(sum.failed <= counts->failed);
    assert_true(ovl_ledger_count(ledger) <= sum.tasks);
}

static void check_sessions(void)
{
    long opened = atomic_exchange(&board->number[SESSIONS_OPENED], 0);
    long closed = atomic_exchange(&board->number[SESSIONS_CLOSED], 0);
    /* A worker process that was ended closes none. */
    if (model == OVL_PROCESSES)
        assert_true(closed <= opened);
    else
        assert_int_equal(closed, opened);
}

static void use(struct ovl_executor *executor, struct ovl_ledger *ledger)
{
    const struct plan *plan = case_argument;
    assert_in_range(ovl_executor_workers(executor), 1, WORKERS);
    submit_and_wait(executor);
    if (plan->point->callers & FOR_LARGE)
        submit_large(executor);
    submit_and_cancel(executor);
    map_items(executor);
    map_stream(executor);
    struct ovl_counts counts = check_counts(executor);
    check_ledger(ledger, &counts);
    int number = 3;
    int error = ovl_submit(executor, wait_and_square,
                           (struct ovl_bytes){.data = &number, .size = sizeof number}, NULL);
    assert_true(!error || is_told(error));
}

static void live(void)
{
    struct ovl_ledger *ledger = NULL;
    int error = ovl_ledger_open(0, &ledger);
    assert_int_equal(!error, ledger != NULL);
    assert_true(!error || is_told(error));
    if (error)
        return;
    const struct ovl_options options = {
        .workers = WORKERS,
        .session_open = session_open,
        .session_close = session_close,
        .ledger = ledger,
    };
    struct ovl_executor *executor = NULL;
    error = ovl_executor_open(model, &options, &executor);
    assert_int_equal(!error, executor != NULL);
    assert_true(!error || is_told(error));
    if (executor) {
        use(executor, ledger);
        assert_int_equal(ovl_executor_close(executor, ovl_after(PATIENCE_NS)), 0);
    }
    check_sessions();
    assert_int_equal(atomic_load(&board->number[STRANGE_ERRORS]), 0);
    ovl_ledger_close(ledger);
}

static void fail_each_call(void)
{
    const struct plan *plan = case_argument;
    inject_install(plan->point);
    inject_tell_alarm();
    struct watch before = watch_now();
    for (long n = 1;; n++) {
        inject_begin(n, plan->on);
        live();
        if (!inject_end()) {
            assert_true(n > 1);
            print_message("%ld calls failed\n", n - 1);
            return;
        }
        char difference[256];
        if (!watch_settles(&before, difference, sizeof difference))
            fail_msg("call %ld: left behind: %s", n, difference);
    }
}

static size_t make_plans(struct plan *plans)
{
    size_t count = 0;
    for (size_t i = 0; i < inject_point_count; i++) {
        const struct inject_point *point = &inject_points[i];
        if (!(point->callers & 1u << model))
            continue;
        for (int on = 0; on <= !point->passing; on++) {
            plans[count] = (struct plan){.point = point, .on = on};
            snprintf(plans[count].name, sizeof plans->name, "%s %s", point->name,
                     on ? "and on" : "once");
            count++;
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 2 || ovl_model_parse(argv[1], &model)) {
        fprintf(stderr, "usage: %s MODEL [CASE]\n", argv[0]);
        return EXIT_FAILURE;
    }
    static struct plan plans[64];
    static struct test_case cases[COUNT_OF(plans)];
    size_t count = make_plans(plans);
    for (size_t i = 0; i < count; i++)
        cases[i] = (struct test_case){
            .name = plans[i].name,
            .run = fail_each_call,
            .argument = &plans[i],
        };
    int failed = run_cases(argv[1], cases, count, argc > 2 ? argv[2] : NULL);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
