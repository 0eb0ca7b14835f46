/* Proves that a ledger's sums are exact and its sample even. */
#include "../support/cases.h"
#include "ledger/meter.h"
#include <errno.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ovl_ledger *ledger_new(size_t limit)
{
    struct ovl_ledger *ledger = NULL;
    assert_int_equal(ovl_ledger_open(limit, &ledger), 0);
    return ledger;
}

static struct ovl_record record_of(size_t n)
{
    struct ovl_record record = {
        .task = n,
        .worker = (unsigned)(n % 7),
        .error = n % 5 ? 0 : -EIO,
        .submitted = (ovl_time)n,
        .start = 1000 + (ovl_time)n,
        .end = 1000 + (ovl_time)(n * 3),
        .cpu_ns = (ovl_time)(n % 11),
        .bytes_in = n % 17,
        .bytes_out = n % 19,
        .switches = (unsigned)(n % 3),
        .stalls = (unsigned)(n % 2),
    };
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        record.wait_ns[i] = (ovl_time)(n % 13) * (i + 1);
    return record;
}

static void add(struct ovl_ledger *ledger, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        struct ovl__meter meter = {.record = record_of(i)};
        ovl__ledger_add(ledger, &meter);
    }
}

static struct ovl_ledger_sum expected_sum(size_t count)
{
    struct ovl_ledger_sum sum = {.tasks = count};
    for (size_t n = 0; n < count; n++) {
        struct ovl_record record = record_of(n);
        sum.failed += record.error != 0;
        sum.wall_ns += record.end - record.start;
        sum.cpu_ns += record.cpu_ns;
        for (int i = 0; i < OVL_WAIT_COUNT; i++)
            sum.wait_ns[i] += record.wait_ns[i];
        sum.bytes_in += record.bytes_in;
        sum.bytes_out += record.bytes_out;
        sum.switches += record.switches;
        sum.stalls += record.stalls;
        if (!n || record.start < sum.first_start)
            sum.first_start = record.start;
        if (record.end > sum.last_end)
            sum.last_end = record.end;
    }
    return sum;
}

static void expect_sum(struct ovl_ledger *ledger, size_t count)
{
    struct ovl_ledger_sum sum;
    memset(&sum, 0xff, sizeof sum);
    ovl_ledger_sum(ledger, &sum);
    struct ovl_ledger_sum expected = expected_sum(count);
    assert_memory_equal(&sum, &expected, sizeof sum);
}

static void empty_ledger_has_nothing(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    expect_sum(ledger, 0);
    assert_int_equal(ovl_ledger_count(ledger), 0);
    struct ovl_record record = {.task = 5};
    assert_int_equal(ovl_ledger_read(ledger, 0, &record), -ERANGE);
    assert_int_equal(record.task, 5);
    ovl_ledger_close(ledger);
    ovl_ledger_close(NULL);
}

static void records_come_back_whole(void)
{
    enum { COUNT = 1000 };
    struct ovl_ledger *ledger = ledger_new(0);
    add(ledger, 0, COUNT);
    assert_int_equal(ovl_ledger_count(ledger), COUNT);
    bool seen[COUNT] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        struct ovl_record record;
        memset(&record, 0xff, sizeof record);
        assert_int_equal(ovl_ledger_read(ledger, i, &record), 0);
        assert_in_range(record.task, 0, COUNT - 1);
        assert_false(seen[record.task]);
        seen[record.task] = true;
        struct ovl_record expected = record_of(record.task);
        assert_memory_equal(&record, &expected, sizeof record);
    }
    expect_sum(ledger, COUNT);
    ovl_ledger_close(ledger);
}

/* Some computed all the time, others waited between, each of another length. */
static struct ovl__meter meter_of(size_t n)
{
    struct ovl__meter meter = {.record = {.task = n, .start = 1000, .end = 1000 + (ovl_time)n}};
    if (n % 3)
        for (size_t i = 0; i < n % 9; i++)
            ovl__trail_add(&meter.trail, i % 2 ? OVL_COMPUTING : OVL_WAIT_DISK, (ovl_time)(n + i));
    else
        ovl__trail_add(&meter.trail, OVL_COMPUTING, meter.record.cpu_ns = (ovl_time)n);
    return meter;
}

/* Those that are kept: a place changes hands many times, between tasks with and without waits. */
static void segments_come_back(void)
{
    enum { LIMIT = 20, COUNT = 2000 };
    struct ovl_ledger *ledger = ledger_new(LIMIT);
    for (size_t n = 0; n < COUNT; n++) {
        struct ovl__meter meter = meter_of(n);
        ovl__ledger_add(ledger, &meter);
    }
    for (size_t i = 0; i < LIMIT; i++) {
        struct ovl_record record;
        struct ovl_segment segments[OVL_SEGMENTS_MAX];
        assert_int_equal(ovl_ledger_read(ledger, i, &record), 0);
        struct ovl__meter expected = meter_of(record.task);
        assert_memory_equal(&record, &expected.record, sizeof record);
        int count = ovl_ledger_segments(ledger, i, segments, COUNT_OF(segments));
        assert_int_equal(count, expected.trail.count);
        for (uint32_t k = 0; k < expected.trail.count; k++) {
            struct ovl_segment segment = ovl__trail_read(&expected.trail, k);
            assert_int_equal(segments[k].kind, segment.kind);
            assert_int_equal(segments[k].length_ns, segment.length_ns);
        }
    }
    assert_int_equal(ovl_ledger_segments(ledger, LIMIT, NULL, 0), -ERANGE);
    ovl_ledger_close(ledger);
}

static void who_adds_may_outlive_who_reads(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    ovl__ledger_hold(ledger);
    ovl_ledger_close(ledger);
    add(ledger, 0, 100);
    expect_sum(ledger, 100);
    ovl__ledger_drop(ledger);
}

static void sums_count_what_is_not_kept(void)
{
    struct ovl_ledger *ledger = ledger_new(10);
    add(ledger, 0, 5000);
    expect_sum(ledger, 5000);
    assert_int_equal(ovl_ledger_count(ledger), 10);
    struct ovl_record record;
    assert_int_equal(ovl_ledger_read(ledger, 10, &record), -ERANGE);
    ovl_ledger_close(ledger);
}

static void waits_that_no_hook_saw_are_summed(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl__meter meter = {.record = {.end = 1000, .cpu_ns = 10}};
    ovl__trail_add(&meter.trail, OVL_COMPUTING, 10);
    ovl__trail_add(&meter.trail, OVL_UNSEEN, 400);
    ovl__trail_add(&meter.trail, OVL_READY, 290);
    ovl__trail_add(&meter.trail, OVL_UNSEEN, 300);
    ovl__ledger_add(ledger, &meter);
    ovl__ledger_add(ledger, &meter);
    struct ovl_ledger_sum sum;
    ovl_ledger_sum(ledger, &sum);
    assert_int_equal(sum.unseen_ns, 2 * 700);
    ovl_ledger_close(ledger);
}

static void default_limit_holds(void)
{
    enum { LIMIT = 65536 };
    struct ovl_ledger *ledger = ledger_new(0);
    add(ledger, 0, LIMIT + 1000);
    assert_int_equal(ovl_ledger_count(ledger), LIMIT);
    expect_sum(ledger, LIMIT + 1000);
    ovl_ledger_close(ledger);
}

/*
 * 1,000 of 50,000 are kept: each tenth of the tasks has 100 of them, give or take 5 standard
 * deviations (47). The early, the middle and the late are equally likely.
 */
static void sample_is_even(void)
{
    enum { LIMIT = 1000, COUNT = 50000, PARTS = 10 };
    struct ovl_ledger *ledger = ledger_new(LIMIT);
    add(ledger, 0, COUNT);
    size_t parts[PARTS] = {0};
    bool *seen = calloc(COUNT, sizeof *seen);
    for (size_t i = 0; i < LIMIT; i++) {
        struct ovl_record record;
        assert_int_equal(ovl_ledger_read(ledger, i, &record), 0);
        assert_false(seen[record.task]);
        seen[record.task] = true;
        parts[record.task / (COUNT / PARTS)]++;
    }
    for (size_t i = 0; i < PARTS; i++)
        assert_in_range(parts[i], 53, 147);
    free(seen);
    ovl_ledger_close(ledger);
}

static void *add_many(void *argument)
{
    add(argument, 0, 5000);
    return NULL;
}

static void threads_may_record_at_once(void)
{
    struct ovl_ledger *ledger = ledger_new(100);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, ledger), 0);
    for (int i = 0; i < 200; i++) {
        struct ovl_ledger_sum sum;
        ovl_ledger_sum(ledger, &sum);
        assert_in_range(sum.tasks, 0, 20000);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    struct ovl_ledger_sum sum;
    struct ovl_ledger_sum once = expected_sum(5000);
    ovl_ledger_sum(ledger, &sum);
    assert_int_equal(sum.tasks, 4 * once.tasks);
    assert_int_equal(sum.wall_ns, 4 * once.wall_ns);
    assert_int_equal(sum.wait_ns[OVL_WAIT_OTHER], 4 * once.wait_ns[OVL_WAIT_OTHER]);
    ovl_ledger_close(ledger);
}

static void waits_have_names(void)
{
    static const char *const names[] = {"network", "disk", "sleep", "lock", "child", "other"};
    assert_int_equal(COUNT_OF(names), OVL_WAIT_COUNT);
    for (unsigned i = 0; i < OVL_WAIT_COUNT; i++)
        assert_string_equal(ovl_wait_name((enum ovl_wait)i), names[i]);
    assert_null(ovl_wait_name((enum ovl_wait)OVL_WAIT_COUNT));
}

static ovl_time cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * OVL_SECOND + now.tv_nsec;
}

static void compute_for(ovl_time length)
{
    ovl_time end = cpu_now() + length;
    while (cpu_now() < end)
        ;
}

#define WORK_NS (5 * OVL_MILLISECOND)

/* What the thread computes between a pause and the resume is another's. */
static void meter_leaves_out_its_pauses(void)
{
    struct ovl__meter meter = {0};
    ovl__meter_start(&meter);
    compute_for(WORK_NS);
    ovl__meter_pause(&meter);
    compute_for(4 * WORK_NS);
    ovl__meter_resume(&meter);
    compute_for(WORK_NS);
    ovl__meter_stop(&meter);
    assert_true(meter.record.cpu_ns >= 2 * WORK_NS);
    assert_true(meter.record.cpu_ns < 4 * WORK_NS);
}

/* A call's time is wait where the thread slept in it, and CPU time where it computed. */
static void meter_splits_a_call(void)
{
    struct ovl__meter meter = {0};
    ovl__meter_start(&meter);
    ovl_time began = ovl_now();
    compute_for(WORK_NS);
    struct pollfd nothing = {.fd = -1};
    poll(&nothing, 1, 20);
    ovl__meter_call(&meter, OVL_WAIT_CHILD, began);
    ovl__meter_stop(&meter);
    assert_true(meter.record.cpu_ns >= WORK_NS);
    assert_true(meter.record.wait_ns[OVL_WAIT_CHILD] >= 19 * OVL_MILLISECOND);
    ovl_time all = meter.record.cpu_ns + meter.record.wait_ns[OVL_WAIT_CHILD];
    assert_true(all <= meter.record.end - meter.record.start);
}

static void meter_starts_anew(void)
{
    struct ovl__meter meter = {.record = {.task = 3, .cpu_ns = 99, .wait_ns = {1, 2, 3, 4, 5, 6}}};
    ovl__meter_start(&meter);
    assert_int_equal(meter.record.task, 3);
    ovl__meter_wait(&meter, OVL_WAIT_DISK, ovl_now() - 500);
    ovl__meter_stop(&meter);
    assert_true(meter.record.wait_ns[OVL_WAIT_DISK] >= 500);
    assert_int_equal(meter.record.wait_ns[OVL_WAIT_SLEEP], 0);
    assert_true(meter.record.end >= meter.record.start);
    assert_true(meter.record.cpu_ns >= 0 && meter.record.cpu_ns < OVL_SECOND);
}

static ovl_time length_by_kind(const struct ovl__trail *trail, int kind)
{
    ovl_time length = 0;
    for (uint32_t i = 0; i < trail->count; i++) {
        struct ovl_segment segment = ovl__trail_read(trail, i);
        if (segment.kind == kind)
            length += segment.length_ns;
    }
    return length;
}

/* What waited where no hook sees it is not taken for a processor lost, though a call follows that
 * a hook saw, and though the task follows upon another. */
static void meter_tells_unseen_waits_before_a_call(void)
{
    struct pollfd nothing = {.fd = -1};
    static struct ovl__meter meters[3];
    for (int i = 0; i < 3; i++) {
        ovl__meter_start(&meters[i]);
        poll(&nothing, 1, 20);
        ovl_time began = ovl_now();
        poll(&nothing, 1, 20);
        ovl__meter_call(&meters[i], OVL_WAIT_CHILD, began);
        ovl__meter_stop(&meters[i]);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(length_by_kind(&meters[i].trail, OVL_UNSEEN) >= 19 * OVL_MILLISECOND);
        assert_true(length_by_kind(&meters[i].trail, OVL_WAIT_CHILD) >= 19 * OVL_MILLISECOND);
    }
}

/* However many come, the room is bounded, the sums by kind are exact, and neighbours differ. */
static void trails_lose_no_time(void)
{
    enum { FIRST = OVL_READY, LAST = OVL_WAIT_COUNT - 1 };
    struct ovl__trail trail = {0};
    ovl_time sums[LAST - FIRST + 1] = {0};
    uint64_t random = 12345;
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        int kind = FIRST + (int)((random >> 33) % (LAST - FIRST + 1));
        ovl_time length = (ovl_time)((random >> 40) % 100000);
        ovl__trail_add(&trail, kind, length);
        sums[kind - FIRST] += length;
        assert_in_range(trail.count, 1, OVL_SEGMENTS_MAX);
    }
    for (int kind = FIRST; kind <= LAST; kind++)
        assert_int_equal(length_by_kind(&trail, kind), sums[kind - FIRST]);
    for (uint32_t i = 1; i < trail.count; i++)
        assert_int_not_equal(ovl__trail_read(&trail, i).kind, ovl__trail_read(&trail, i - 1).kind);
}

static void long_segments_stay_where_they_are(void)
{
    struct ovl__trail trail = {0};
    const ovl_time hour = 3600 * OVL_SECOND;
    ovl__trail_add(&trail, OVL_WAIT_DISK, hour);
    for (int i = 0; i < 100; i++) {
        ovl__trail_add(&trail, OVL_COMPUTING, 1000);
        ovl__trail_add(&trail, OVL_WAIT_NETWORK, 10);
    }
    ovl__trail_add(&trail, OVL_WAIT_SLEEP, hour);
    assert_int_equal(ovl__trail_read(&trail, 0).kind, OVL_WAIT_DISK);
    assert_int_equal(ovl__trail_read(&trail, 0).length_ns, hour);
    assert_int_equal(ovl__trail_read(&trail, trail.count - 1).kind, OVL_WAIT_SLEEP);
    assert_int_equal(length_by_kind(&trail, OVL_COMPUTING), 100 * 1000);
    assert_int_equal(length_by_kind(&trail, OVL_WAIT_NETWORK), 100 * 10);
    ovl__trail_add(&trail, OVL_COMPUTING, 0);
    assert_int_equal(length_by_kind(&trail, OVL_COMPUTING), 100 * 1000);
}

/* Of a lock in room that is bounded: what three have held is told apart, and no time is lost. */
static void trails_keep_three_locks(void)
{
    struct ovl__trail trail = {0};
    for (uint32_t lock = 10; lock < 50; lock += 10) {
        ovl__trail_add_held(&trail, OVL_WAIT_DISK, 100, lock);
        ovl__trail_add_held(&trail, OVL_WAIT_DISK, 100, lock);
    }
    ovl__trail_add_held(&trail, OVL_WAIT_DISK, 0, 60);
    assert_int_equal(trail.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(ovl__trail_read(&trail, i).lock, i < 3 ? 10 * (i + 1) : 0);
        assert_int_equal(ovl__trail_read(&trail, i).length_ns, 200);
    }
    enum { KINDS = 5, PLACES = 4, ROUNDS = 100 };
    for (int n = 0; n < ROUNDS * KINDS * PLACES; n++) {
        int kind = n % KINDS;
        ovl__trail_add_held(&trail, kind, 10, 10 * (1 + (uint32_t)(n / KINDS) % PLACES));
        assert_in_range(trail.count, 1, OVL_SEGMENTS_MAX);
    }
    for (int kind = 0; kind < KINDS; kind++)
        assert_int_equal(length_by_kind(&trail, kind),
                         10 * ROUNDS * PLACES + (kind == OVL_WAIT_DISK ? 800 : 0));
}

static void segments_have_names(void)
{
    assert_string_equal(ovl_segment_name(OVL_COMPUTING), "computing");
    assert_string_equal(ovl_segment_name(OVL_UNSEEN), "unseen");
    assert_string_equal(ovl_segment_name(OVL_READY), "queue");
    assert_string_equal(ovl_segment_name(OVL_WAIT_CHILD), "child");
    assert_null(ovl_segment_name(OVL_READY - 1));
    assert_null(ovl_segment_name(OVL_WAIT_COUNT));
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(empty_ledger_has_nothing),    TEST_CASE(records_come_back_whole),
        TEST_CASE(segments_come_back),          TEST_CASE(who_adds_may_outlive_who_reads),
        TEST_CASE(sums_count_what_is_not_kept), TEST_CASE(waits_that_no_hook_saw_are_summed),
        TEST_CASE(default_limit_holds),         TEST_CASE(sample_is_even),
        TEST_CASE(threads_may_record_at_once),  TEST_CASE(waits_have_names),
        TEST_CASE(meter_leaves_out_its_pauses), TEST_CASE(meter_splits_a_call),
        TEST_CASE(meter_starts_anew),           TEST_CASE(meter_tells_unseen_waits_before_a_call),
        TEST_CASE(trails_lose_no_time),         TEST_CASE(long_segments_stay_where_they_are),
        TEST_CASE(trails_keep_three_locks),     TEST_CASE(segments_have_names),
    };
    return run_cases("ledger", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
