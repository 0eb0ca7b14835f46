#include <overlap.h>
#include <stdio.h>
#include <unistd.h>

static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task, (void)item;
    return usleep(10000);
}

int main(void)
{
    struct ovl_executor *executor;
    if (ovl_executor_open(OVL_AUTO, NULL, &executor))
        return 1;
    int items[200] = {0};
    int error = ovl_map(executor, nap, items, sizeof *items, NULL, 0, 200, NULL);
    struct ovl_decision decision;
    size_t count = ovl_auto_decision_count(executor);
    if (!error && count && !ovl_auto_decision(executor, count - 1, &decision))
        printf("%s\n", ovl_model_name(decision.model));
    ovl_executor_close(executor, OVL_FOREVER);
    return error ? 1 : 0;
}
