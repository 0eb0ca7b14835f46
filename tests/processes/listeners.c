/*
 * Proves that a reply is told to nobody who is about to look, but is told in the end, and that who
 * waits leaves its processor to whom it waits for: what users see as time alone.
 */
#include "base/processor.h"
#include "executor/processes/processes.h"
#include "workers.h"
#include <sched.h>

/* What each case looks at: an executor of one worker, whose tasks are short. */
struct pool {
    struct ovl_executor *executor;
    struct ovl__processes *processes;
    struct ovl__lane_head *lane;
};

static struct pool open_pool(void)
{
    struct pool pool = {.executor = open_workers(1)};
    pool.processes = pool.executor->own;
    pool.lane = pool.processes->all[0].lane->head;
    return pool;
}

static enum ovl__listener listener_of(const struct pool *pool)
{
    return (enum ovl__listener)atomic_load(&pool->processes->shared->listener);
}

static int nothing(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

static void finish(struct ovl_future *future)
{
    assert_int_equal(ovl_future_result(future, NULL), 0);
    ovl_future_free(future);
}

/* Waits for short tasks again and again, until that is taken for a habit. */
static void look_again_and_again(const struct pool *pool)
{
    do
        finish(submit(pool->executor, nothing, NULL, 0, NULL));
    while (listener_of(pool) != OVL__STAND_IN);
}

static void tell(void *wire, struct ovl_future *future)
{
    (void)future;
    wire_tell(wire, 1);
}

/* Nobody looks any more: the task ends because the stand-in is told. */
static void reply_is_told_though_who_looked_has_gone(void)
{
    struct wire ended = wire_open();
    struct pool pool = open_pool();
    for (int i = 0; i < SCALE(200, 50); i++) {
        look_again_and_again(&pool);
        const struct ovl__submit_extras extras = {.notify = tell, .notify_context = &ended};
        struct ovl_future *future;
        assert_int_equal(
            ovl__submit(pool.executor, nothing, (struct ovl_bytes){0}, NULL, &extras, &future), 0);
        assert_true(wire_await(&ended, 1));
        finish(future);
    }
    close_all(pool.executor);
    wire_close(&ended);
}

/* --- one processor for both --- */

static struct pool open_on_one_processor(void)
{
    struct ovl__processor_place place = ovl__processor_place(0);
    ovl__processor_bind(&place);
    return open_pool();
}

/* In the worker: whether the task sees somebody asleep until the reply. */
static int see_sleeper(struct ovl_task *task, struct ovl_bytes item)
{
    struct ovl__shared *shared = *(struct ovl__shared *const *)item.data;
    ovl_time until = ovl_after(OVL_MILLISECOND);
    bool seen;
    do
        seen = atomic_load(&shared->listener) == OVL__LEADER;
    while (!seen && ovl_now() < until && !sched_yield());
    return ovl_task_return(task, &seen, sizeof seen);
}

static bool is_seen_asleep(const struct pool *pool)
{
    struct ovl__shared *shared = pool->processes->shared; /* at the same address in the worker */
    struct ovl_future *future = submit(pool->executor, see_sleeper, &shared, sizeof shared, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    bool seen = *(const bool *)result.data;
    ovl_future_free(future);
    return seen;
}

/* Only a map's caller sleeps so otherwise, and there is none. */
static void who_waits_sleeps_where_the_worker_runs(void)
{
    struct pool pool = open_on_one_processor();
    ovl_time patience = ovl_after(PATIENCE_NS);
    bool seen;
    do {
        look_again_and_again(&pool); /* and has tasks known as short */
        seen = is_seen_asleep(&pool);
    } while (!seen && ovl_now() < patience);
    assert_true(seen);
    close_all(pool.executor);
}

/*
 * Whether the worker sleeps after a reply that it has told nobody of. Whoever looks again and again
 * is on the worker's processor: it has it back at once. The worker tells before it sleeps for long.
 */
static bool sleeps_untold(const struct pool *pool)
{
    unsigned next = atomic_load(&pool->lane->next);
    struct ovl_future *future = submit(pool->executor, nothing, NULL, 0, NULL);
    while (atomic_load(&pool->lane->next) == next)
        sched_yield();
    bool sleeps = atomic_load(&pool->lane->sleeps);
    bool untold = listener_of(pool) == OVL__STAND_IN;
    finish(future);
    return sleeps && untold;
}

static void worker_sleeps_before_it_tells_where_its_tasks_come_from(void)
{
    struct pool pool = open_on_one_processor();
    ovl_time patience = ovl_after(PATIENCE_NS);
    bool seen;
    do {
        look_again_and_again(&pool);
        seen = sleeps_untold(&pool);
    } while (!seen && ovl_now() < patience);
    assert_true(seen);
    close_all(pool.executor);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(reply_is_told_though_who_looked_has_gone),
        TEST_CASE(who_waits_sleeps_where_the_worker_runs),
        TEST_CASE(worker_sleeps_before_it_tells_where_its_tasks_come_from),
    };
    return run_cases("listeners", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
