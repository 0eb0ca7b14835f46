#include <overlap.h>
#include <stdio.h>

/* A task of several parts: its result grows, and it stops where it is asked to. */
static int count_up(struct ovl_task *task, struct ovl_bytes item)
{
    const int *end = item.data;
    for (int i = 1; i <= *end; i++) {
        if (ovl_task_cancelled(task))
            return OVL_ECANCELED;
        int error = ovl_task_append(task, &i, sizeof i);
        if (error)
            return error;
    }
    return 0;
}

int main(void)
{
    struct ovl_executor *executor;
    if (ovl_executor_open(OVL_SYNC, NULL, &executor))
        return 1;
    int end = 5;
    struct ovl_future *future;
    struct ovl_bytes result = {0};
    int error = ovl_submit(executor, count_up, (struct ovl_bytes){&end, sizeof end}, &future);
    if (!error) {
        error = ovl_future_result(future, &result);
        printf("%zu numbers\n", result.size / sizeof(int));
        ovl_future_free(future);
    }
    ovl_executor_close(executor, OVL_FOREVER);
    return error ? 1 : 0;
}
