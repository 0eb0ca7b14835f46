#include <overlap.h>
#include <stdio.h>

static int length(struct ovl_task *task, struct ovl_bytes item)
{
    return ovl_task_return(task, &item.size, sizeof item.size);
}

int main(void)
{
    struct ovl_options options = {.workers = 2};
    struct ovl_executor *executor;
    int error = ovl_executor_open(OVL_THREADS, &options, &executor);
    if (error) {
        fprintf(stderr, "no threads: %s\n", ovl_error_message(error));
        return 1;
    }
    struct ovl_future *future;
    error = ovl_submit(executor, length, (struct ovl_bytes){"overlap", 7}, &future);
    if (!error) {
        struct ovl_bytes result;
        error = ovl_future_result(future, &result);
        if (!error)
            printf("%zu\n", *(const size_t *)result.data);
        ovl_future_free(future);
    }
    ovl_executor_close(executor, OVL_FOREVER);
    return error ? 1 : 0;
}
