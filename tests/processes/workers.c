#include "workers.h"

struct ovl_executor *open_with(const struct ovl_options *options)
{
    struct ovl_executor *executor = NULL;
    assert_int_equal(ovl_executor_open(OVL_PROCESSES, options, &executor), 0);
    return executor;
}

struct ovl_executor *open_workers(unsigned workers)
{
    return open_with(&(struct ovl_options){.workers = workers});
}

void check_counts(struct ovl_executor *executor)
{
    struct ovl_counts counts;
    ovl_executor_counts(executor, &counts);
    assert_int_equal(counts.submitted, counts.done + counts.failed + counts.cancelled +
                                           counts.queued + counts.running);
}

void close_all(struct ovl_executor *executor)
{
    check_counts(executor);
    assert_int_equal(ovl_executor_close(executor, ovl_after(PATIENCE_NS)), 0);
}

struct ovl_future *submit(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                          size_t size, const struct ovl_submit_options *options)
{
    struct ovl_future *future = NULL;
    struct ovl_bytes bytes = {.data = item, .size = size};
    assert_int_equal(ovl_submit_with(executor, fn, bytes, options, &future), 0);
    return future;
}
