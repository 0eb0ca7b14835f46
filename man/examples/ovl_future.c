#include <overlap.h>
#include <stdio.h>
#include <unistd.h>

static int sleep_long(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task, (void)item;
    return sleep(60) ? OVL_ECANCELED : 0;
}

int main(void)
{
    struct ovl_executor *executor;
    struct ovl_future *future;
    if (ovl_executor_open(OVL_ASYNC, NULL, &executor))
        return 1;
    if (ovl_submit(executor, sleep_long, (struct ovl_bytes){0}, &future))
        return 1;
    if (ovl_future_wait(future, ovl_after(50 * OVL_MILLISECOND)) == OVL_ETIMEDOUT)
        ovl_future_cancel(future);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    printf("%s\n", ovl_error_message(outcome.error));
    ovl_future_free(future);
    return ovl_executor_close(executor, OVL_FOREVER) ? 1 : 0;
}
