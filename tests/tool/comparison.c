/* Proves what a comparison makes of its measures: speed-ups, and how long sync had no processor. */
#include "compare/comparison.h"

#include "support/cases.h"

#include <stdlib.h>

static void measured(struct comparison *comparison, enum ovl_model model, ovl_time wall_ns)
{
    struct measure *measure = &comparison->measures[comparison->count++];
    measure->model = model;
    measure->workers = 1;
    measure->done = comparison->program.count;
    measure->wall_ns = wall_ns;
    measure->state = MEASURE_FINISHED;
}

static struct comparison_view look_at(const struct ovl_ledger_sum *sync)
{
    static struct comparison comparison;
    static struct comparison_view view;
    comparison = (struct comparison){.program = {.count = 4}};
    measured(&comparison, OVL_THREADS, 50);
    measured(&comparison, OVL_SYNC, 100);
    comparison.measures[1].sum = *sync;
    comparison_look(&comparison, &view);
    return view;
}

static void speedups_are_against_sync(void)
{
    struct comparison_view view =
        look_at(&(struct ovl_ledger_sum){.tasks = 4, .wall_ns = 100, .cpu_ns = 100});
    assert_true(view.speedups[0] > 1.99 && view.speedups[0] < 2.01);
    assert_true(view.speedups[1] > 0.99 && view.speedups[1] < 1.01);
    assert_true(view.decided);
    assert_int_equal(view.verdict.bound, OVL_CPU_BOUND);
}

static void who_waits_for_threads_of_its_own_waits(void)
{
    struct ovl_ledger_sum sum = {.tasks = 4, .wall_ns = 100, .cpu_ns = 1};
    sum.wait_ns[OVL_WAIT_LOCK] = 99;
    assert_int_equal(look_at(&sum).verdict.bound, OVL_IO_BOUND);
}

static void who_computes_or_waits_is_not_starved(void)
{
    struct ovl_ledger_sum sum = {.tasks = 4, .wall_ns = 100, .cpu_ns = 30, .unseen_ns = 20};
    sum.wait_ns[OVL_WAIT_NETWORK] = 40;
    sum.wait_ns[OVL_WAIT_LOCK] = 10;
    assert_int_equal(look_at(&sum).starved_ns, 0);
    sum.cpu_ns = 35; /* clocks that differ by a little */
    assert_int_equal(look_at(&sum).starved_ns, 0);
}

static void the_rest_is_what_others_took(void)
{
    struct ovl_ledger_sum sum = {.tasks = 4, .wall_ns = 100, .cpu_ns = 30, .unseen_ns = 5};
    sum.wait_ns[OVL_WAIT_DISK] = 10;
    assert_int_equal(look_at(&sum).starved_ns, 55);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(speedups_are_against_sync),
        TEST_CASE(who_waits_for_threads_of_its_own_waits),
        TEST_CASE(who_computes_or_waits_is_not_starved),
        TEST_CASE(the_rest_is_what_others_took),
    };
    return run_cases("comparison", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
