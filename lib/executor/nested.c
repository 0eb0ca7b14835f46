#include "executor/nested.h"

#include <limits.h>

/* A thread that a task started is no task: what it submits runs beside the worker's own sessions.
 */
static void nested_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl_task *outer = ovl__task_here(executor);
    struct ovl__worker *own = executor->own;
    struct ovl__worker guest = {.executor = executor, .number = own->number};
    if (!ovl__future_try_take(future))
        return;
    ovl__park_unlock(&executor->lock);
    ovl__worker_run(outer ? outer->worker : &guest, future);
    ovl__worker_release(&guest);
    ovl__park_lock(&executor->lock);
    ovl__future_finish(future);
}

static void nested_close(struct ovl_executor *executor, bool abandon)
{
    (void)executor;
    (void)abandon;
}

#define NESTED(name)                                                                               \
    {                                                                                              \
        .model = (name), .workers_max = OVL_WORKERS_MAX, .core = &ovl__core_queue,                 \
        .queued = nested_queued, .close = nested_close                                             \
    }

static const struct ovl__model_ops in_process = NESTED(OVL_PROCESSES);
static const struct ovl__model_ops in_rank = NESTED(OVL_CLUSTER);

void ovl__nest(struct ovl_executor *executor, struct ovl__worker *worker)
{
    executor->ops = executor->ops->model == OVL_CLUSTER ? &in_rank : &in_process;
    executor->forks = ovl__forks;
    executor->own = worker;
    executor->counts = (struct ovl_counts){0};
    executor->active = 0;
    atomic_store(&executor->limit, UINT_MAX);
    executor->closing = false;
    ovl__ledger_drop(executor->ledger);
    executor->ledger = NULL;
    atomic_fetch_add(&executor->references, 1);
    ovl__executor_init_lists(executor);
}
