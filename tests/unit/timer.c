/* Proves that timers fire when they are due, in order, and not when they were stopped. */
#include "loop/timer.h"
#include "../support/cases.h"
#include "../support/pattern.h"
#include "base/list.h"
#include "base/system.h"
#include <errno.h>
#include <stdlib.h>

struct bell {
    struct ovl__timer timer;
    ovl_time at;
    int rung;
};

static ovl_time last_at;
static int rings;

static void ring(struct ovl__timer *timer)
{
    struct bell *bell = ovl__of(timer, struct bell, timer);
    assert_int_equal(timer->slot, 0);
    assert_true(bell->at >= last_at);
    last_at = bell->at;
    bell->rung++;
    rings++;
}

static void start(struct ovl__timers *timers, struct bell *bell, ovl_time at)
{
    bell->at = at;
    bell->timer.fire = ring;
    assert_int_equal(ovl__timer_start(timers, &bell->timer, at), 0);
}

static void no_timer_is_due_without_any(void)
{
    struct ovl__timers timers = {0};
    assert_int_equal(ovl__timers_next(&timers), OVL_FOREVER);
    ovl__timers_run(&timers, OVL_FOREVER, SIZE_MAX);
    ovl__timers_release(&timers);
}

static void timers_fire_when_due_and_once(void)
{
    struct ovl__timers timers = {0};
    struct bell bells[3] = {0};
    start(&timers, &bells[0], 30);
    start(&timers, &bells[1], 10);
    start(&timers, &bells[2], 20);
    assert_int_equal(ovl__timers_next(&timers), 10);
    ovl__timers_run(&timers, 9, SIZE_MAX);
    assert_int_equal(rings, 0);
    ovl__timers_run(&timers, 20, SIZE_MAX);
    assert_int_equal(bells[1].rung, 1);
    assert_int_equal(bells[2].rung, 1);
    assert_int_equal(bells[0].rung, 0);
    assert_int_equal(ovl__timers_next(&timers), 30);
    ovl__timers_run(&timers, 1000, SIZE_MAX);
    ovl__timers_run(&timers, 2000, SIZE_MAX);
    assert_int_equal(rings, 3);
    ovl__timers_release(&timers);
}

static void stopped_timers_do_not_fire(void)
{
    struct ovl__timers timers = {0};
    struct bell bells[2] = {0};
    start(&timers, &bells[0], 10);
    start(&timers, &bells[1], 20);
    ovl__timer_stop(&timers, &bells[0].timer);
    ovl__timer_stop(&timers, &bells[0].timer);
    assert_int_equal(ovl__timers_next(&timers), 20);
    ovl__timers_run(&timers, 100, SIZE_MAX);
    assert_int_equal(bells[0].rung, 0);
    assert_int_equal(bells[1].rung, 1);
    ovl__timer_stop(&timers, &bells[1].timer);
    ovl__timers_release(&timers);
}

/* Checks the heap against a plain array, by random starts, stops and runs. */
static void random_timers_fire_in_order(void)
{
    enum { BELLS = 500, STEPS = 50000 };
    struct ovl__timers timers = {0};
    struct bell *bells = calloc(BELLS, sizeof *bells);
    uint64_t state = 1;
    ovl_time now = 0;
    int started = 0;
    int stopped = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t dice = pattern_random(&state);
        struct bell *bell = &bells[dice % BELLS];
        if (bell->timer.slot && dice >> 32 & 1) {
            ovl__timer_stop(&timers, &bell->timer);
            stopped++;
        } else if (!bell->timer.slot) {
            start(&timers, bell, now + 1 + (ovl_time)(dice >> 40 & 1023));
            started++;
        }
        if (dice % 7 == 0) {
            now += (ovl_time)(dice >> 20 & 63);
            last_at = 0;
            ovl__timers_run(&timers, now, SIZE_MAX);
        }
        ovl_time next = OVL_FOREVER;
        for (int i = 0; step % 100 == 0 && i < BELLS; i++)
            if (bells[i].timer.slot && bells[i].at < next)
                next = bells[i].at;
        if (step % 100 == 0)
            assert_int_equal(ovl__timers_next(&timers), next);
        assert_true(ovl__timers_next(&timers) > now);
    }
    last_at = 0;
    ovl__timers_run(&timers, OVL_FOREVER - 1, SIZE_MAX);
    assert_int_equal(rings + stopped, started);
    free(bells);
    ovl__timers_release(&timers);
}

static struct ovl__timers shared;

static void start_again(struct ovl__timer *timer)
{
    rings++;
    if (rings < 5)
        assert_int_equal(ovl__timer_start(&shared, timer, rings * 10), 0);
}

static void timers_may_start_again_as_they_fire(void)
{
    struct ovl__timer timer = {.fire = start_again};
    assert_int_equal(ovl__timer_start(&shared, &timer, 0), 0);
    for (ovl_time now = 0; now < 100; now += 10)
        ovl__timers_run(&shared, now, SIZE_MAX);
    assert_int_equal(rings, 5);
    ovl__timers_release(&shared);
}

static void *no_memory(void *data, size_t size)
{
    (void)data;
    (void)size;
    return NULL;
}

/* Room that is reserved is there for its timers, whatever others are started, again and again. */
static void reserved_room_needs_no_memory(void)
{
    enum { RESERVED = 100 };
    struct ovl__timers timers = {0};
    struct bell bells[RESERVED] = {0}, others[200] = {0};
    for (int i = 0; i < RESERVED; i++)
        assert_int_equal(ovl__timers_reserve(&timers), 0);
    ovl__sys.realloc = no_memory;
    int error = 0, begun = 0;
    while (!error && begun < 200)
        error = ovl__timer_start(&timers, &others[begun++].timer, OVL_FOREVER - 1);
    assert_int_equal(error, -ENOMEM);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < RESERVED; i++) {
            bells[i].timer.fire = ring;
            bells[i].at = round * RESERVED + i;
            ovl__timer_start_reserved(&timers, &bells[i].timer, bells[i].at);
        }
        assert_int_equal(ovl__timers_reserve(&timers), -ENOMEM);
        ovl__timer_stop(&timers, &bells[0].timer);
        ovl__timers_run(&timers, round * RESERVED + RESERVED / 2, SIZE_MAX);
        for (int i = 0; i < RESERVED; i++)
            assert_int_equal(bells[i].timer.slot != 0, i > RESERVED / 2);
        ovl__timers_run(&timers, round * RESERVED + RESERVED, SIZE_MAX);
        assert_int_equal(ovl__timer_start(&timers, &others[begun - 1].timer, 0), -ENOMEM);
    }
    ovl__timers_unreserve(&timers);
    assert_int_equal(ovl__timer_start(&timers, &others[begun - 1].timer, OVL_FOREVER - 1), 0);
    ovl__timers_release(&timers);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(no_timer_is_due_without_any),         TEST_CASE(timers_fire_when_due_and_once),
        TEST_CASE(stopped_timers_do_not_fire),          TEST_CASE(random_timers_fire_in_order),
        TEST_CASE(timers_may_start_again_as_they_fire), TEST_CASE(reserved_room_needs_no_memory),
    };
    return run_cases("timer", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
