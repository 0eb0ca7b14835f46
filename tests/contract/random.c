/*
 * Random actions, in an order that follows from a seed, which is printed: set OVL_TEST_SEED to have
 * the same again, and OVL_TEST_ACTIONS for another number of them.
 */
#include "contract.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEPT 64

enum kind { SQUARES, FAILS, NAPS, NESTS, LOOKS, KINDS };

struct work {
    enum kind kind;
    int number;
};

static int nest(struct ovl_task *task, const struct work *work);

static int do_work(struct ovl_task *task, struct ovl_bytes item)
{
    const struct work *work = item.data;
    switch (work->kind) {
    case FAILS:
        return 1 + work->number % 100;
    case NAPS:
        pause_ns(work->number % 300 * OVL_MICROSECOND);
        break;
    case NESTS: {
        int error = nest(task, work);
        if (error)
            return error;
        break;
    }
    case LOOKS:
        for (int i = 0; i < 5 && !ovl_task_cancelled(task); i++)
            pause_ns(50 * OVL_MICROSECOND);
        break;
    default:
        break;
    }
    return ovl_task_return(task, &work->number, sizeof work->number);
}

static int nest(struct ovl_task *task, const struct work *work)
{
    struct work inner = {.kind = work->number % 2 ? SQUARES : NAPS, .number = work->number / 2};
    struct ovl_future *child;
    int error = ovl_submit(ovl_task_executor(task), do_work,
                           (struct ovl_bytes){.data = &inner, .size = sizeof inner}, &child);
    if (error)
        return error;
    struct ovl_bytes result;
    error = ovl_future_result(child, &result);
    if (!error && *(const int *)result.data != inner.number)
        error = -EBADMSG;
    ovl_future_free(child);
    return error;
}

/* A future that is kept, and what it should give. */
struct kept {
    struct ovl_future *future;
    struct work work;
    bool cancelled;
    bool dated;
};

struct player {
    struct ovl_executor *executor;
    uint64_t state;
    size_t submitted;
    struct kept kept[KEPT];
};

static void check_and_free(struct kept *kept)
{
    struct ovl_bytes result;
    int error = ovl_future_result(kept->future, &result);
    if (error == OVL_ECANCELED)
        assert_true(kept->cancelled);
    else if (error == OVL_ETIMEDOUT)
        assert_true(kept->dated);
    else if (kept->work.kind == FAILS)
        assert_int_equal(error, 1 + kept->work.number % 100);
    else {
        assert_int_equal(error, 0);
        assert_int_equal(*(const int *)result.data, kept->work.number);
    }
    ovl_future_free(kept->future);
    kept->future = NULL;
}

static void submit_some(struct player *player, struct kept *kept)
{
    uint64_t dice = pattern_random(&player->state);
    *kept = (struct kept){.work = {.kind = dice % KINDS, .number = (int)(dice >> 40)}};
    struct ovl_submit_options options = {0};
    if (dice >> 8 & 1) {
        options.deadline = ovl_after((ovl_time)(dice >> 16 & 1023) * OVL_MICROSECOND);
        kept->dated = true;
    }
    kept->future = submit_with(player->executor, do_work, &kept->work, sizeof kept->work, &options);
    player->submitted++;
}

static void act(struct player *player)
{
    uint64_t dice = pattern_random(&player->state);
    struct kept *kept = &player->kept[dice >> 32 & (KEPT - 1)];
    if (!kept->future)
        submit_some(player, kept);
    else if (dice % 5 == 0)
        check_and_free(kept);
    else if (dice % 5 == 1) {
        ovl_future_free(kept->future);
        kept->future = NULL;
    } else if (dice % 5 == 2) {
        ovl_future_cancel(kept->future);
        kept->cancelled = true;
    } else if (dice % 5 == 3)
        (void)ovl_future_wait(kept->future, ovl_after((ovl_time)(dice >> 16 & 127) * 1000));
    else
        (void)ovl_future_done(kept->future);
    if (dice % 997 == 0) {
        ovl_executor_cancel(player->executor);
        for (int i = 0; i < KEPT; i++)
            player->kept[i].cancelled = true;
    }
    if (dice % 101 == 0)
        checked_counts(player->executor);
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("OVL_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "random actions: OVL_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void play(unsigned workers, size_t queue_limit, int actions)
{
    struct player player = {.state = choose_seed() + workers};
    player.executor =
        open_with(&(struct ovl_options){.workers = workers, .queue_limit = queue_limit});
    for (int i = 0; i < actions; i++)
        act(&player);
    for (int i = 0; i < KEPT; i++)
        if (player.kept[i].future)
            check_and_free(&player.kept[i]);
    while (checked_counts(player.executor).queued + checked_counts(player.executor).running)
        pause_ns(OVL_MILLISECOND);
    struct ovl_counts counts = checked_counts(player.executor);
    assert_true(counts.submitted >= player.submitted);
    assert_int_equal(counts.done + counts.failed + counts.cancelled, counts.submitted);
    close_all(player.executor);
}

static int choose_number(void)
{
    const char *given = getenv("OVL_TEST_ACTIONS");
    return given ? atoi(given) : SCALE(20000, 3000);
}

static void random_actions(void)
{
    play(3, 0, choose_number());
}

static void random_actions_on_one_worker(void)
{
    play(1, 4, choose_number() / 5);
}

int random_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(random_actions),
        TEST_CASE(random_actions_on_one_worker),
    };
    return run_cases("random", cases, COUNT_OF(cases), only);
}
