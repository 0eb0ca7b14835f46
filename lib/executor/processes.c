/* Many processors, separate memory: a pool of worker processes. */
#include "executor/executor.h"

#include <errno.h>

static int processes_open(struct ovl_executor *executor)
{
    (void)executor;
    return -ENOSYS;
}

static void processes_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)executor;
    (void)future;
}

static void processes_close(struct ovl_executor *executor, bool abandon)
{
    (void)executor;
    (void)abandon;
}

const struct ovl__model_ops ovl__model_processes = {
    .model = OVL_PROCESSES,
    .workers_max = OVL_WORKERS_MAX,
    .open = processes_open,
    .queued = processes_queued,
    .close = processes_close,
};
