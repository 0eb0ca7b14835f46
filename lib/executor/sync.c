/* One after the other, in the thread that submits. */
#include "base/clock.h"
#include "executor/queue.h"

#include <errno.h>

struct sync {
    struct ovl__worker worker;
    bool busy; /* some thread's task runs; others wait in executor->work for their turn */
};

static int sync_open(struct ovl_executor *executor)
{
    struct sync *sync = ovl__zalloc(sizeof *sync);
    if (!sync)
        return -ENOMEM;
    sync->worker.executor = executor;
    executor->workers = 1;
    executor->own = sync;
    return 0;
}

/* Whoever submits runs the task itself, when its turn comes; a nested one's turn is at once. */
static void sync_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    struct sync *sync = executor->own;
    bool nested = ovl__task_here(executor) != NULL;
    if (sync->busy && !nested && executor->ledger)
        future->more->meter.record.submitted = ovl__stamp();
    while (sync->busy && !nested)
        ovl__wait(&executor->work, &executor->lock, OVL_FOREVER);
    if (!ovl__future_try_take(future)) {
        ovl__wake_one(&executor->work);
        return;
    }
    bool busy_before = sync->busy;
    sync->busy = true;
    ovl__park_unlock(&executor->lock);
    ovl__worker_run(&sync->worker, future);
    ovl__park_lock(&executor->lock);
    ovl__future_finish(future);
    sync->busy = busy_before;
    ovl__wake_one(&executor->work);
}

static void sync_close(struct ovl_executor *executor, bool abandon)
{
    if (abandon)
        return;
    struct sync *sync = executor->own;
    ovl__worker_release(&sync->worker);
    free(sync);
}

const struct ovl__model_ops ovl__model_sync = {
    .model = OVL_SYNC,
    .workers_max = OVL_COROUTINES_MAX,
    .core = &ovl__core_queue,
    .begins_at_once = true,
    .open = sync_open,
    .queued = sync_queued,
    .close = sync_close,
};
