/* ovl_map_stream: items and results of any size and number, in bounded memory. */
#include "contract.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDICES BOARD_MARKS

/* What next and each of a case saw. Faults are counted, and looked at when the stream has ended. */
struct log {
    size_t given;      /* items that next gave */
    size_t end;        /* how many it gives; SIZE_MAX: endless */
    int next_error;    /* what it ends with, in place of 0 */
    size_t delivered;  /* calls of each */
    size_t stop_after; /* calls of each after which it stops the stream; 0: never */
    int stop_with;
    size_t window;    /* what the stream was told */
    size_t most_open; /* the most items given and not delivered */
    size_t failed;    /* outcomes with an error */
    size_t faults;    /* results that are not as they should be, or out of order */
    bool ordered;
    bool stopped;
    bool put_off; /* the last call was told to come again */
    int item;
    const struct wire *tell; /* told at each delivery */
    unsigned char seen[INDICES];
};

static struct log *log_new(size_t end)
{
    struct log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    log->end = end;
    log->ordered = true;
    return log;
}

static int give_number(void *context, struct ovl_bytes *ret_item)
{
    struct log *log = context;
    if (log->stopped)
        log->faults++;
    if (log->given == log->end)
        return log->next_error;
    log->item = (int)log->given++;
    if (log->given - log->delivered > log->most_open)
        log->most_open = log->given - log->delivered;
    *ret_item = (struct ovl_bytes){.data = &log->item, .size = sizeof log->item};
    return 1;
}

/* Results are of a size that follows from the index. */
static size_t size_of(size_t index)
{
    return index * 37 % 5000;
}

static int pattern_of_number(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    size_t size = size_of((size_t)number);
    void *result = ovl_task_result(task, size);
    if (!result && size)
        return -ENOMEM;
    pattern_fill(result, 0, size, (uint32_t)number);
    return 0;
}

static bool is_right(size_t index, const struct ovl_outcome *outcome, struct ovl_bytes result)
{
    if (outcome->error)
        return result.size == 0;
    return result.size == size_of(index) &&
           pattern_holds(result.data, result.size, (uint32_t)index);
}

static int take_result(void *context, size_t index, const struct ovl_outcome *outcome,
                       struct ovl_bytes result)
{
    struct log *log = context;
    if (log->stopped || index >= log->given || log->seen[index % INDICES] ||
        !is_right(index, outcome, result))
        log->faults++;
    if (index != log->delivered)
        log->ordered = false;
    log->seen[index % INDICES] = 1;
    log->delivered++;
    log->failed += outcome->error != 0;
    if (log->tell)
        wire_tell(log->tell, 1);
    if (log->delivered != log->stop_after)
        return 0;
    log->stopped = true;
    return log->stop_with;
}

static struct ovl_stream stream_of(struct log *log)
{
    return (struct ovl_stream){
        .next = give_number, .each = take_result, .context = log, .window = log->window};
}

static void expect_all(const struct log *log, size_t count)
{
    assert_int_equal(log->faults, 0);
    assert_int_equal(log->given, count);
    assert_int_equal(log->delivered, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(log->seen[i], 1);
}

static void stream_in_order(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct log *log = log_new(1000);
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
    expect_all(log, 1000);
    assert_true(log->ordered);
    free(log);
    close_all(executor);
}

static void stream_as_completed(void)
{
    struct ovl_executor *executor = open_workers(3);
    struct log *log = log_new(1000);
    struct ovl_stream stream = stream_of(log);
    stream.as_completed = true;
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
    expect_all(log, 1000);
    free(log);
    close_all(executor);
}

static void stream_of_nothing(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(0);
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
    expect_all(log, 0);
    free(log);
    close_all(executor);
}

/* Tasks find their wire by the board, since a stream's items are numbers. */
static int first_waits_for_others(struct ovl_task *task, struct ovl_bytes item)
{
    if (*(const int *)item.data == 0 && !wire_await(&board->wire, 5))
        return -EPIPE;
    return pattern_of_number(task, item);
}

static void stream_gives_results_as_tasks_end(void)
{
    if (runs_in_submit())
        return;
    board->wire = wire_open();
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(50);
    log->window = 8;
    log->tell = &board->wire;
    struct ovl_stream stream = stream_of(log);
    stream.as_completed = true;
    assert_int_equal(ovl_map_stream(executor, first_waits_for_others, &stream), 0);
    expect_all(log, 50);
    assert_false(log->ordered);
    free(log);
    close_all(executor);
    wire_close(&board->wire);
}

static int first_waits_for_begun(struct ovl_task *task, struct ovl_bytes item)
{
    if (*(const int *)item.data == 0 && !wire_await(&board->wire, 5))
        return -EPIPE;
    wire_tell(&board->wire, 1);
    return pattern_of_number(task, item);
}

static void stream_keeps_order_where_the_first_ends_late(void)
{
    if (runs_in_submit())
        return;
    board->wire = wire_open();
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(50);
    log->window = 8;
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, first_waits_for_begun, &stream), 0);
    expect_all(log, 50);
    assert_true(log->ordered);
    free(log);
    close_all(executor);
    wire_close(&board->wire);
}

static void stream_takes_no_more_than_its_window(void)
{
    static const size_t windows[] = {1, 2, 3, 17, 64, 500};
    for (size_t i = 0; i < COUNT_OF(windows); i++)
        for (int as_completed = 0; as_completed < 2; as_completed++) {
            struct ovl_executor *executor = open_workers(3);
            struct log *log = log_new(700);
            log->window = windows[i];
            struct ovl_stream stream = stream_of(log);
            stream.as_completed = as_completed;
            assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
            expect_all(log, 700);
            assert_in_range(log->most_open, 1, windows[i]);
            free(log);
            close_all(executor);
        }
}

static void stream_has_a_window_by_default(void)
{
    struct ovl_executor *executor = open_workers(40);
    struct log *log = log_new(700);
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
    assert_in_range(log->most_open, 1, runs_in_submit() ? 64 : 80);
    free(log);
    close_all(executor);
}

static void stream_wider_than_the_queue(void)
{
    struct ovl_executor *executor =
        open_with(&(struct ovl_options){.workers = 2, .queue_limit = 2});
    struct log *log = log_new(500);
    log->window = 100;
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
    expect_all(log, 500);
    free(log);
    close_all(executor);
}

static int count_running(struct ovl_task *task, struct ovl_bytes item)
{
    atomic_fetch_add(&board->number[1], 1);
    int error = pattern_of_number(task, item);
    atomic_fetch_sub(&board->number[1], 1);
    return error;
}

static void each_may_stop_endless_input(bool as_completed)
{
    static const int codes[] = {77, -EPIPE};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(SIZE_MAX);
        log->stop_after = 300;
        log->stop_with = codes[i];
        struct ovl_stream stream = stream_of(log);
        stream.as_completed = as_completed;
        assert_int_equal(ovl_map_stream(executor, count_running, &stream), codes[i]);
        if (shares_memory())
            assert_int_equal(atomic_load(&board->number[1]), 0);
        assert_int_equal(log->faults, 0);
        assert_int_equal(log->delivered, 300);
        struct ovl_counts counts = checked_counts(executor);
        assert_int_equal(counts.queued + counts.running, 0);
        free(log);
        close_all(executor);
    }
}

static void each_may_stop_endless_input_in_order(void)
{
    each_may_stop_endless_input(false);
}

static void each_may_stop_endless_input_as_completed(void)
{
    each_may_stop_endless_input(true);
}

static int late_until_cancelled(struct ovl_task *task, struct ovl_bytes item)
{
    if (*(const int *)item.data < 10)
        return pattern_of_number(task, item);
    while (!ovl_task_cancelled(task))
        pause_ns(OVL_MILLISECOND);
    return -EINTR;
}

/* Nobody but the stream asks these tasks to end. */
static void stopped_stream_cancels_what_runs(void)
{
    if (runs_in_submit())
        return;
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(SIZE_MAX);
    log->stop_after = 10;
    log->stop_with = 5;
    struct ovl_stream stream = stream_of(log);
    assert_int_equal(ovl_map_stream(executor, late_until_cancelled, &stream), 5);
    assert_int_equal(log->faults, 0);
    assert_int_equal(log->delivered, 10);
    struct ovl_counts counts = checked_counts(executor);
    assert_int_equal(counts.queued + counts.running, 0);
    expect_bytes(submit(executor, square, &(int){4}, sizeof(int)), &(int){16}, sizeof(int));
    free(log);
    close_all(executor);
}

static void next_may_end_the_stream_with_an_error(void)
{
    for (int as_completed = 0; as_completed < 2; as_completed++) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(250);
        log->next_error = -EIO;
        struct ovl_stream stream = stream_of(log);
        stream.as_completed = as_completed;
        assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), -EIO);
        assert_int_equal(log->faults, 0);
        assert_int_equal(log->given, 250);
        assert_true(log->delivered <= 250);
        struct ovl_counts counts = checked_counts(executor);
        assert_int_equal(counts.submitted, counts.done + counts.cancelled + counts.failed);
        assert_true(counts.done <= log->delivered);
        free(log);
        close_all(executor);
    }
}

static int fail_some(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    int error = pattern_of_number(task, item);
    return number % 7 ? error : number + 1;
}

static void stream_with_failing_tasks(void)
{
    for (int as_completed = 0; as_completed < 2; as_completed++) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(700);
        struct ovl_stream stream = stream_of(log);
        stream.as_completed = as_completed;
        assert_int_equal(ovl_map_stream(executor, fail_some, &stream), OVL_ETASKS);
        expect_all(log, 700);
        assert_int_equal(log->failed, 100);
        free(log);
        close_all(executor);
    }
}

static void stream_without_each(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(300);
    struct ovl_stream stream = stream_of(log);
    stream.each = NULL;
    assert_int_equal(ovl_map_stream(executor, count_call, &stream), 0);
    assert_int_equal(atomic_load(&board->number[0]), 300);
    log->given = 0;
    assert_int_equal(ovl_map_stream(executor, fail_some, &stream), OVL_ETASKS);
    free(log);
    close_all(executor);
}

static void stream_may_follow_a_stream(void)
{
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 20; i++) {
        struct log *log = log_new(40);
        struct ovl_stream stream = stream_of(log);
        assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
        expect_all(log, 40);
        free(log);
    }
    close_all(executor);
}

static void stream_gives_its_tasks_a_deadline(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(20);
    struct ovl_stream stream = stream_of(log);
    stream.task.deadline = ovl_now() - 1;
    assert_int_equal(ovl_map_stream(executor, count_call, &stream), OVL_ETASKS);
    expect_all(log, 20);
    assert_int_equal(log->failed, 20);
    assert_int_equal(atomic_load(&board->number[0]), 0);
    free(log);
    close_all(executor);
}

/* Gives every third item only when it is asked again. */
static int give_number_later(void *context, struct ovl_bytes *ret_item)
{
    struct log *log = context;
    log->put_off = !log->put_off && log->given % 3 == 2;
    return log->put_off ? OVL_STREAM_LATER : give_number(context, ret_item);
}

static ovl_time soon(void *context)
{
    const struct log *log = context;
    return log->given < 100 ? ovl_after(OVL_MILLISECOND) : 0;
}

static void next_may_be_asked_again_later(void)
{
    for (int as_completed = 0; as_completed < 2; as_completed++) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(400);
        struct ovl_stream stream = stream_of(log);
        stream.next = give_number_later;
        stream.later = soon;
        stream.as_completed = as_completed;
        assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
        expect_all(log, 400);
        free(log);
        close_all(executor);
    }
}

/* Has never more than one task under way. */
static int give_one_at_a_time(void *context, struct ovl_bytes *ret_item)
{
    const struct log *log = context;
    return log->given > log->delivered ? OVL_STREAM_LATER : give_number(context, ret_item);
}

static void next_is_asked_again_when_a_task_ends(void)
{
    for (int as_completed = 0; as_completed < 2; as_completed++) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(200);
        struct ovl_stream stream = stream_of(log);
        stream.next = give_one_at_a_time;
        stream.as_completed = as_completed;
        assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), 0);
        expect_all(log, 200);
        assert_int_equal(log->most_open, 1);
        free(log);
        close_all(executor);
    }
}

static int give_never(void *context, struct ovl_bytes *ret_item)
{
    (void)context, (void)ret_item;
    return OVL_STREAM_LATER;
}

static void stream_that_waits_for_nothing_ends(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct log *log = log_new(0);
    struct ovl_stream stream = stream_of(log);
    stream.next = give_never;
    assert_int_equal(ovl_map_stream(executor, pattern_of_number, &stream), -EDEADLK);
    free(log);
    close_all(executor);
}

/* Results that may lie for a minute do so only while there is work queued. */
static void patient_stream_loses_nothing(void)
{
    for (size_t window = 1; window < 200; window += 66) {
        struct ovl_executor *executor = open_workers(3);
        struct log *log = log_new(1000);
        log->window = window;
        struct ovl_stream stream = stream_of(log);
        stream.as_completed = true;
        stream.prompt = true;
        stream.patience_ns = 60 * OVL_SECOND;
        assert_int_equal(ovl_map_stream(executor, fail_some, &stream), OVL_ETASKS);
        expect_all(log, 1000);
        free(log);
        close_all(executor);
    }
}

int stream_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(stream_in_order),
        TEST_CASE(stream_as_completed),
        TEST_CASE(stream_of_nothing),
        TEST_CASE(stream_gives_results_as_tasks_end),
        TEST_CASE(stream_keeps_order_where_the_first_ends_late),
        TEST_CASE(stream_takes_no_more_than_its_window),
        TEST_CASE(stream_has_a_window_by_default),
        TEST_CASE(stream_wider_than_the_queue),
        TEST_CASE(each_may_stop_endless_input_in_order),
        TEST_CASE(each_may_stop_endless_input_as_completed),
        TEST_CASE(stopped_stream_cancels_what_runs),
        TEST_CASE(next_may_end_the_stream_with_an_error),
        TEST_CASE(stream_with_failing_tasks),
        TEST_CASE(stream_without_each),
        TEST_CASE(stream_may_follow_a_stream),
        TEST_CASE(stream_gives_its_tasks_a_deadline),
        TEST_CASE(next_may_be_asked_again_later),
        TEST_CASE(next_is_asked_again_when_a_task_ends),
        TEST_CASE(stream_that_waits_for_nothing_ends),
        TEST_CASE(patient_stream_loses_nothing),
    };
    return run_cases("stream", cases, COUNT_OF(cases), only);
}
