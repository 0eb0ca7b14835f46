/* For how long a thread was stopped to be looked at: that is no wait of its own. */
#include "advise/sampling.h"
#include "support/cases.h"

#include <stdlib.h>

static void a_stop_that_is_over_is_told_once(void)
{
    struct watched_thread thread = {.held_ns = 30};
    assert_int_equal(sampling_held(&thread, 200), 30);
    assert_int_equal(sampling_held(&thread, 300), 0);
}

static void a_stop_that_goes_on_is_told_as_far_as_it_went(void)
{
    struct watched_thread thread = {.held_ns = 5, .stopping = true, .stop_ns = 100};
    assert_int_equal(sampling_held(&thread, 130), 35);
    assert_int_equal(sampling_held(&thread, 150), 20);
}

static const struct test_case cases[] = {
    TEST_CASE(a_stop_that_is_over_is_told_once),
    TEST_CASE(a_stop_that_goes_on_is_told_as_far_as_it_went),
};

int main(void)
{
    return run_cases("held", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
