/*
 * Random sequences of the executor's API: each byte of the input is one thing that a user may do,
 * in any order, under any model. Whatever they do, all that was submitted is accounted for at the
 * end.
 */
#include "fuzz.h"

#include <overlap.h>
#include <string.h>

#define FUTURES   8
#define STEPS_MAX 64

static int work(struct ovl_task *task, struct ovl_bytes item)
{
    unsigned kind = item.size ? *(const unsigned char *)item.data : 0;
    switch (kind % 6) {
    case 0:
        return ovl_task_return(task, item.data, item.size);
    case 1:
        return 17;
    case 2:
        return ovl_sleep(ovl_after(OVL_MICROSECOND * kind));
    case 3:
        return ovl_task_result(task, kind * 100) ? 1 : 0;
    case 4:
        return ovl_submit(ovl_task_executor(task), work, (struct ovl_bytes){0}, NULL);
    default:
        return ovl_yield();
    }
}

struct play {
    struct ovl_executor *executor;
    struct ovl_future *futures[FUTURES];
    size_t accepted;
};

static void submit(struct play *play, unsigned place, const uint8_t *item, size_t size)
{
    struct ovl_submit_options options = {.nowait = place & 1,
                                         .deadline = place & 2 ? ovl_after(OVL_MILLISECOND) : 0};
    struct ovl_future **future = &play->futures[place % FUTURES];
    ovl_future_free(*future);
    *future = NULL;
    ovl_submit_with(play->executor, work, (struct ovl_bytes){item, size}, &options, future);
}

static void map(struct play *play, const uint8_t *items, size_t count)
{
    unsigned char results[STEPS_MAX];
    struct ovl_outcome outcomes[STEPS_MAX];
    ovl_map(play->executor, work, items, 1, results, 1, count, outcomes);
}

static void step(struct play *play, const uint8_t *data, size_t size)
{
    unsigned place = data[0] >> 4;
    struct ovl_future *future = play->futures[place % FUTURES];
    struct ovl_bytes result;
    switch (data[0] & 7) {
    case 0:
        submit(play, place, data + 1, size - 1);
        break;
    case 1:
        submit(play, place, data + 1, size > 1);
        break;
    case 2:
        if (future)
            ovl_future_cancel(future);
        break;
    case 3:
        if (future && ovl_future_wait(future, ovl_after(OVL_MILLISECOND)) == 0)
            ovl_future_result(future, &result);
        break;
    case 4:
        ovl_future_free(future);
        play->futures[place % FUTURES] = NULL;
        break;
    case 5:
        map(play, data, size < STEPS_MAX ? size : STEPS_MAX);
        break;
    case 6:
        ovl_executor_cancel(play->executor);
        break;
    default:
        ovl_executor_set_workers(play->executor, place);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A process for each input would take too long: those have tests of their own. */
    static const enum ovl_model models[] = {OVL_SYNC, OVL_THREADS, OVL_ASYNC};
    if (size < 2)
        return 0;
    struct ovl_options options = {.workers = 1 + data[1] % 4, .queue_limit = data[1] / 16};
    struct play play = {0};
    if (ovl_executor_open(models[data[0] % 3], &options, &play.executor))
        return 0;
    for (size_t i = 2; i < size && i < STEPS_MAX; i++)
        step(&play, data + i, size - i);
    for (size_t i = 0; i < FUTURES; i++)
        if (play.futures[i])
            MUST(ovl_future_wait(play.futures[i], ovl_after(60 * OVL_SECOND)) == 0);
    struct ovl_counts counts;
    ovl_executor_set_workers(play.executor, 0);
    for (size_t i = 0; i < FUTURES; i++)
        ovl_future_free(play.futures[i]);
    ovl_executor_counts(play.executor, &counts);
    MUST(counts.submitted ==
         counts.done + counts.failed + counts.cancelled + counts.queued + counts.running);
    MUST(ovl_executor_close(play.executor, ovl_after(60 * OVL_SECOND)) == 0);
    return 0;
}
