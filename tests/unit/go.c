/* Proves that single coroutines run, are awaited, called off, and begin at their time. */
#include "in_loop.h"
#include <errno.h>
#include <stdlib.h>

static int give_back(void *argument)
{
    return *(int *)argument;
}

static int join_some(void *argument)
{
    (void)argument;
    int numbers[3] = {5, -7, 0};
    struct ovl_coroutine *coroutines[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(ovl_go(give_back, &numbers[i], &coroutines[i]), 0);
    ovl_yield(); /* all have ended before they are joined, the first of them */
    for (int i = 0; i < 3; i++)
        assert_int_equal(ovl_join(coroutines[i]), numbers[i]);
    return 0;
}

static void a_join_returns_what_the_coroutine_returned(void)
{
    in_loop(join_some);
}

static void outside_of_coroutines_nothing_is_started(void)
{
    struct ovl_coroutine *none = NULL;
    struct ovl_timer *no_timer = NULL;
    assert_int_equal(ovl_go(give_back, NULL, &none), -EPERM);
    assert_int_equal(ovl_go_at(0, give_back, NULL, &no_timer), -EPERM);
    assert_null(none);
    assert_null(no_timer);
}

static int mark_later(void *argument)
{
    ovl_sleep(ovl_after(20 * MS));
    *(bool *)argument = true;
    return 0;
}

static bool marked;

static int start_and_leave(void *argument)
{
    (void)argument;
    return ovl_go(mark_later, &marked, NULL);
}

/* Nobody holds it, and it runs to its end all the same. */
static void one_that_nobody_awaits_is_not_forgotten(void)
{
    in_loop(start_and_leave);
    assert_true(marked);
}

static int sleep_long(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(100 * OVL_SECOND));
}

static int cancel_some(void *argument)
{
    (void)argument;
    struct ovl_coroutine *early, *late;
    assert_int_equal(ovl_go(sleep_long, NULL, &early), 0);
    ovl_coroutine_cancel(early); /* before it began */
    assert_int_equal(ovl_join(early), OVL_ECANCELED);
    assert_int_equal(ovl_go(sleep_long, NULL, &late), 0);
    ovl_yield();
    ovl_coroutine_cancel(late);
    assert_int_equal(ovl_join(late), OVL_ECANCELED);
    return 0;
}

static void cancelling_ends_its_waits(void)
{
    in_loop(cancel_some);
}

/* The scope ends, and takes along what is joined in it; what was started in it only, it does not.
 */
static int join_in_scope(void *argument)
{
    (void)argument;
    struct ovl_scope scope;
    struct ovl_coroutine *joined, *other;
    bool ran = false;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(10 * MS), 0), 0);
    assert_int_equal(ovl_go(sleep_long, NULL, &joined), 0);
    assert_int_equal(ovl_go(mark_later, &ran, &other), 0);
    assert_int_equal(ovl_join(joined), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&scope), OVL_ETIMEDOUT);
    assert_int_equal(ovl_join(other), 0);
    assert_true(ran);
    return 0;
}

static void a_cancelled_join_calls_off_what_it_awaits(void)
{
    in_loop(join_in_scope);
}

static ovl_time ran_at;

static int note_time(void *argument)
{
    (void)argument;
    ran_at = ovl_now();
    return ovl_yield(); /* it may wait as any coroutine */
}

static int start_at(void *argument)
{
    (void)argument;
    ovl_time at = ovl_after(20 * MS);
    struct ovl_timer *stopped, *kept;
    assert_int_equal(ovl_go_at(at, note_time, NULL, &kept), 0);
    assert_int_equal(ovl_go_at(at + 100 * OVL_SECOND, give_back, NULL, &stopped), 0);
    ovl_sleep(at + 5 * MS);
    assert_true(ran_at >= at);
    assert_false(ovl_timer_stop(kept));
    assert_true(ovl_timer_stop(stopped));
    assert_false(ovl_timer_stop(NULL));
    ran_at = 0;
    return ovl_go_at(ovl_after(10 * MS), note_time, NULL, NULL);
}

static void timers_start_coroutines(void)
{
    in_loop(start_at);
    assert_true(ran_at > 0); /* the loop waited for what was to come */
}

enum { TOGETHER = 200 };

static struct {
    const void *frames[TOGETHER];
    int count;
} seen;

static int note_frame(void *argument)
{
    (void)argument;
    seen.frames[seen.count++] = __builtin_frame_address(0);
    return 0;
}

static int count_stacks(void)
{
    int stacks = 0;
    for (int i = 0; i < seen.count; i++) {
        int first = 0;
        while (seen.frames[first] != seen.frames[i])
            first++;
        stacks += first == i;
    }
    return stacks;
}

static int start_together(void *argument)
{
    (void)argument;
    ovl_time at = ovl_now();
    for (int i = 0; i < TOGETHER; i++)
        assert_int_equal(ovl_go_at(at, note_frame, NULL, NULL), 0);
    while (seen.count < TOGETHER)
        ovl_yield();
    return 0;
}

/* The first have run, and left their stacks to others, before the last are made. */
static void those_due_at_once_run_a_few_at_a_time(void)
{
    in_loop(start_together);
    assert_in_range(count_stacks(), 1, TOGETHER / 4);
}

enum { SLEEPERS = SCALE(100000, 2000) };

static int count_sleeper(void *argument)
{
    int error = ovl_sleep(*(ovl_time *)argument);
    atomic_fetch_add(&board->number[0], 1);
    return error;
}

/* Three times as many as a guard of two mappings each would allow. */
static int crowd(void *argument)
{
    (void)argument;
    ovl_time until = ovl_after(100 * OVL_SECOND);
    struct ovl_group *group;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(ovl_group_go(group, count_sleeper, &until), 0);
    ovl_yield();
    assert_int_equal(atomic_load(&board->number[0]), 0);
    ovl_group_cancel(group);
    assert_int_equal(ovl_group_close(group), OVL_ECANCELED);
    assert_int_equal(atomic_load(&board->number[0]), SLEEPERS);
    return 0;
}

static void a_crowd_sleeps_at_once(void)
{
    in_loop(crowd);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(a_join_returns_what_the_coroutine_returned),
        TEST_CASE(outside_of_coroutines_nothing_is_started),
        TEST_CASE(one_that_nobody_awaits_is_not_forgotten),
        TEST_CASE(cancelling_ends_its_waits),
        TEST_CASE(a_cancelled_join_calls_off_what_it_awaits),
        TEST_CASE(timers_start_coroutines),
        TEST_CASE(those_due_at_once_run_a_few_at_a_time),
        TEST_CASE(a_crowd_sleeps_at_once),
    };
    return run_cases("go", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                              : EXIT_SUCCESS;
}
