#include "executor/decisions.h"

#include "executor/executor.h"
#include "predict/costs.h"

#include <errno.h>

/* A prediction is of so many tasks at least, and at most. */
#define TASKS_LEAST 16
#define TASKS_MOST  512

struct ovl__decided *ovl__decisions_add(struct ovl__decisions *decisions)
{
    struct ovl__decided *decided = &decisions->latest[decisions->count++ % OVL_DECISIONS];
    *decided = (struct ovl__decided){0};
    return decided;
}

/* A child of fork reads what it has: there nobody decides. */
static void lock(struct ovl_executor *executor)
{
    if (!ovl__executor_is_copy(executor))
        ovl__park_lock(&executor->lock);
}

static void unlock(struct ovl_executor *executor)
{
    if (!ovl__executor_is_copy(executor))
        ovl__park_unlock(&executor->lock);
}

size_t ovl_auto_decision_count(struct ovl_executor *executor)
{
    const struct ovl__decisions *decisions = executor->decisions;
    if (!decisions)
        return 0;
    lock(executor);
    size_t count = decisions->count;
    unlock(executor);
    return count;
}

/* What a mean task would make of the decision, beside sync, by the predictor: it takes a while. */
static double predict_gain(const struct ovl__decided *decided)
{
    const struct ovl__basis *basis = &decided->basis;
    if (!basis->cores)
        return 0;
    struct ovl_costs costs;
    ovl__costs_known(&costs);
    struct ovl_part parts[] = {
        {.kind = OVL_COMPUTING, .length_ns = basis->computing},
        {.kind = OVL_WAIT_NETWORK, .length_ns = basis->waits},
        {.kind = OVL_UNSEEN, .length_ns = basis->unseen},
        {.kind = OVL_WAIT_DISK, .length_ns = basis->disk},
    };
    struct ovl_part_list task = {.parts = parts, .count = sizeof parts / sizeof *parts};
    struct ovl_work work = {
        .tasks = &task,
        .task_count = 1,
        .total = basis->tasks < TASKS_LEAST  ? TASKS_LEAST
                 : basis->tasks > TASKS_MOST ? TASKS_MOST
                                             : basis->tasks,
        .cores = basis->cores,
    };
    struct ovl_plan plan = {
        .model = decided->decision.model,
        .workers = decided->decision.workers,
    };
    struct ovl_prediction prediction;
    return ovl_predict(&work, &plan, &costs, &prediction) ? 0 : prediction.speedup;
}

int ovl_auto_decision(struct ovl_executor *executor, size_t n, struct ovl_decision *ret_decision)
{
    const struct ovl__decisions *decisions = executor->decisions;
    if (!decisions)
        return -ERANGE;
    struct ovl__decided decided;
    lock(executor);
    bool kept = n < decisions->count && decisions->count - n <= OVL_DECISIONS;
    if (kept)
        decided = decisions->latest[n % OVL_DECISIONS];
    unlock(executor);
    if (!kept)
        return -ERANGE;
    decided.decision.gain = predict_gain(&decided);
    *ret_decision = decided.decision;
    return 0;
}
