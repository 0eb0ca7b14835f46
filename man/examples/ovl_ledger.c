#include <overlap.h>
#include <stdio.h>
#include <unistd.h>

static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task, (void)item;
    return usleep(20000);
}

int main(void)
{
    struct ovl_ledger *ledger;
    struct ovl_executor *executor;
    if (ovl_ledger_open(0, &ledger))
        return 1;
    struct ovl_options options = {.ledger = ledger};
    if (ovl_executor_open(OVL_ASYNC, &options, &executor))
        return 1;
    for (int i = 0; i < 10; i++)
        if (ovl_submit(executor, nap, (struct ovl_bytes){0}, NULL))
            return 1;
    ovl_executor_close(executor, OVL_FOREVER);
    struct ovl_ledger_sum sum;
    ovl_ledger_sum(ledger, &sum);
    printf("%zu tasks, %s-bound\n", sum.tasks, ovl_bound_name(ovl_ledger_bound(&sum)));
    ovl_ledger_close(ledger);
    return 0;
}
