/* Proves the rules for when to use which model: a table of measures, and the verdict on each. */
#include "../support/cases.h"
#include <errno.h>
#include <overlap.h>
#include <stdlib.h>
#include <string.h>

struct bound_row {
    const char *what;
    struct ovl_ledger_sum sum;
    enum ovl_bound bound;
};

static const struct bound_row bound_rows[] = {
    {"nothing", {.wall_ns = 500}, OVL_NEITHER_BOUND},
    {"only computing", {.cpu_ns = 10}, OVL_CPU_BOUND},
    {"only the network", {.wait_ns = {[OVL_WAIT_NETWORK] = 10}}, OVL_IO_BOUND},
    {"only the disk", {.wait_ns = {[OVL_WAIT_DISK] = 10}}, OVL_IO_BOUND},
    {"only sleeping", {.wait_ns = {[OVL_WAIT_SLEEP] = 10}}, OVL_IO_BOUND},
    {"only children", {.wait_ns = {[OVL_WAIT_CHILD] = 10}}, OVL_IO_BOUND},
    {"only locks", {.wait_ns = {[OVL_WAIT_LOCK] = 10}}, OVL_NEITHER_BOUND},
    {"locks and computing", {.cpu_ns = 10, .wait_ns = {[OVL_WAIT_LOCK] = 90}}, OVL_CPU_BOUND},
    {"71% waits", {.cpu_ns = 29, .wait_ns = {[OVL_WAIT_NETWORK] = 71}}, OVL_IO_BOUND},
    {"69% waits", {.cpu_ns = 31, .wait_ns = {[OVL_WAIT_NETWORK] = 69}}, OVL_MIXED_BOUND},
    {"half and half", {.cpu_ns = 50, .wait_ns = {[OVL_WAIT_NETWORK] = 50}}, OVL_MIXED_BOUND},
    {"69% computing", {.cpu_ns = 69, .wait_ns = {[OVL_WAIT_NETWORK] = 31}}, OVL_MIXED_BOUND},
    {"71% computing", {.cpu_ns = 71, .wait_ns = {[OVL_WAIT_NETWORK] = 29}}, OVL_CPU_BOUND},
    {"only where no hook sees it", {.cpu_ns = 1, .unseen_ns = 90}, OVL_IO_BOUND},
    {"half unseen, half computing", {.cpu_ns = 50, .unseen_ns = 50}, OVL_MIXED_BOUND},
    {"waits of several kinds",
     {.cpu_ns = 20,
      .wait_ns = {[OVL_WAIT_NETWORK] = 30, [OVL_WAIT_DISK] = 30, [OVL_WAIT_SLEEP] = 20}},
     OVL_IO_BOUND},
};

static void bounds_follow_from_the_ledger(void)
{
    for (size_t i = 0; i < COUNT_OF(bound_rows); i++) {
        enum ovl_bound bound = ovl_ledger_bound(&bound_rows[i].sum);
        if (bound != bound_rows[i].bound)
            fail_msg("%s: %s", bound_rows[i].what, ovl_bound_name(bound));
    }
}

static void bounds_have_names(void)
{
    assert_string_equal(ovl_bound_name(OVL_IO_BOUND), "io");
    assert_string_equal(ovl_bound_name(OVL_CPU_BOUND), "cpu");
    assert_string_equal(ovl_bound_name(OVL_MIXED_BOUND), "mixed");
    assert_string_equal(ovl_bound_name(OVL_NEITHER_BOUND), "neither");
}

/* Wall time under each model, in milliseconds; 0: not measured. */
struct verdict_row {
    const char *what;
    enum ovl_bound bound;
    int ms[OVL_MODEL_COUNT]; /* sync, threads, async, processes */
    enum ovl_model model;
    double speedup;
};

static const struct verdict_row verdict_rows[] = {
    {"the classic downloads", OVL_IO_BOUND, {8400, 1760, 280, 4300}, OVL_ASYNC, 30},
    {"the classic sums", OVL_CPU_BOUND, {5100, 2550, 5100, 2500}, OVL_THREADS, 2},
    {"sums behind a lock", OVL_CPU_BOUND, {5100, 5200, 5100, 2500}, OVL_PROCESSES, 2.04},
    {"downloads where async cannot overlap",
     OVL_IO_BOUND,
     {8000, 1600, 8000, 4000},
     OVL_THREADS,
     5},
    {"downloads, async and threads equal", OVL_IO_BOUND, {1000, 100, 100, 100}, OVL_ASYNC, 10},
    {"downloads, threads 9% faster", OVL_IO_BOUND, {1000, 100, 109, 500}, OVL_ASYNC, 9.174},
    {"downloads, threads 12% faster", OVL_IO_BOUND, {1000, 100, 112, 500}, OVL_THREADS, 10},
    {"downloads, processes alone fast", OVL_IO_BOUND, {1000, 900, 900, 100}, OVL_PROCESSES, 10},
    {"sums, processes 9% faster", OVL_CPU_BOUND, {1000, 545, 1000, 500}, OVL_THREADS, 1.835},
    {"sums, processes 12% faster", OVL_CPU_BOUND, {1000, 560, 1000, 500}, OVL_PROCESSES, 2},
    {"sums, others had the processors", OVL_CPU_BOUND, {1000, 700, 300, 900}, OVL_THREADS, 1.4286},
    {"sums, sync and async alone", OVL_CPU_BOUND, {1000, 0, 300, 0}, OVL_SYNC, 1},
    {"mixed, the waits alone overlap", OVL_MIXED_BOUND, {1000, 900, 500, 900}, OVL_ASYNC, 2},
    {"one core", OVL_CPU_BOUND, {1000, 1010, 1005, 1020}, OVL_SYNC, 1},
    {"a gain of 1.2", OVL_IO_BOUND, {1200, 1000, 1000, 1000}, OVL_SYNC, 1},
    {"a gain of 1.4", OVL_IO_BOUND, {1400, 1300, 1000, 1300}, OVL_ASYNC, 1.4},
    {"all others slower", OVL_MIXED_BOUND, {100, 200, 300, 400}, OVL_SYNC, 1},
    {"nothing but sync", OVL_CPU_BOUND, {100, 0, 0, 0}, OVL_SYNC, 1},
    {"sync and threads", OVL_IO_BOUND, {100, 20, 0, 0}, OVL_THREADS, 5},
    {"mixed, processors help", OVL_MIXED_BOUND, {1000, 300, 600, 320}, OVL_THREADS, 3.333},
};

static size_t measures_of(const struct verdict_row *row, struct ovl_measure *measures)
{
    size_t count = 0;
    for (int model = OVL_MODEL_COUNT - 1; model >= 0; model--)
        if (row->ms[model])
            measures[count++] = (struct ovl_measure){
                .model = (enum ovl_model)model,
                .workers = (unsigned)(10 + model),
                .wall_ns = row->ms[model] * OVL_MILLISECOND,
            };
    return count;
}

static void verdicts_follow_the_rules(void)
{
    for (size_t i = 0; i < COUNT_OF(verdict_rows); i++) {
        const struct verdict_row *row = &verdict_rows[i];
        struct ovl_measure measures[OVL_MODEL_COUNT];
        struct ovl_verdict verdict;
        memset(&verdict, 0xff, sizeof verdict);
        assert_int_equal(ovl_verdict(row->bound, measures, measures_of(row, measures), &verdict),
                         0);
        if (verdict.model != row->model || verdict.speedup < 0.99 * row->speedup ||
            verdict.speedup > 1.01 * row->speedup)
            fail_msg("%s: %s, %.3f times: %s", row->what, ovl_model_name(verdict.model),
                     verdict.speedup, verdict.reason);
        assert_int_equal(verdict.bound, row->bound);
        assert_true(verdict.workers == 10u + verdict.model ||
                    (verdict.model == OVL_SYNC && verdict.workers == 1));
        assert_in_range(strnlen(verdict.reason, sizeof verdict.reason), 10,
                        sizeof verdict.reason - 1);
    }
}

/* How many times as fast is a number near nothing where the others are slower. */
static void what_is_slower_is_told_as_that(void)
{
    static const struct {
        struct verdict_row row;
        const char *told;
    } rows[] = {
        {{"much", OVL_CPU_BOUND, {1, 80, 100, 120}, OVL_SYNC, 1},
         "not worth it: threads takes 80 times as long"},
        {{"some", OVL_MIXED_BOUND, {1000, 4500, 9000, 9000}, OVL_SYNC, 1},
         "not worth it: threads takes 4.5 times as long"},
        {{"hardly", OVL_IO_BOUND, {1000, 1020, 1010, 1020}, OVL_SYNC, 1},
         "not worth it: async takes 1.01 times as long"},
        {{"faster, but not by enough", OVL_IO_BOUND, {1200, 1000, 1000, 1000}, OVL_SYNC, 1},
         "not worth it: the best other model is 1.20 times as fast, below 1.3"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ovl_measure measures[OVL_MODEL_COUNT];
        struct ovl_verdict verdict;
        size_t count = measures_of(&rows[i].row, measures);
        assert_int_equal(ovl_verdict(rows[i].row.bound, measures, count, &verdict), 0);
        assert_int_equal(verdict.model, OVL_SYNC);
        assert_string_equal(verdict.reason, rows[i].told);
    }
}

static void verdict_needs_a_measure_of_sync(void)
{
    struct ovl_measure threads = {.model = OVL_THREADS, .workers = 5, .wall_ns = OVL_SECOND};
    struct ovl_verdict verdict = {.workers = 99};
    assert_int_equal(ovl_verdict(OVL_IO_BOUND, &threads, 1, &verdict), -EINVAL);
    assert_int_equal(ovl_verdict(OVL_IO_BOUND, NULL, 0, &verdict), -EINVAL);
    assert_int_equal(verdict.workers, 99);
}

static void verdict_stands_times_of_zero(void)
{
    struct ovl_measure measures[] = {
        {.model = OVL_SYNC, .workers = 1, .wall_ns = 0},
        {.model = OVL_THREADS, .workers = 5, .wall_ns = 0},
    };
    struct ovl_verdict verdict;
    assert_int_equal(ovl_verdict(OVL_NEITHER_BOUND, measures, 2, &verdict), 0);
    assert_int_equal(verdict.model, OVL_SYNC);
    assert_true(verdict.speedup >= 0.99 && verdict.speedup <= 1.01);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(bounds_follow_from_the_ledger), TEST_CASE(bounds_have_names),
        TEST_CASE(verdicts_follow_the_rules),     TEST_CASE(verdict_needs_a_measure_of_sync),
        TEST_CASE(verdict_stands_times_of_zero),  TEST_CASE(what_is_slower_is_told_as_that),
    };
    return run_cases("verdict", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
