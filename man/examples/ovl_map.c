#include <overlap.h>
#include <stdio.h>

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    const int *number = item.data;
    int result = *number * *number;
    return ovl_task_return(task, &result, sizeof result);
}

int main(void)
{
    int numbers[] = {1, 2, 3, 4, 5};
    int squares[5];
    struct ovl_executor *executor;
    if (ovl_executor_open(OVL_PROCESSES, NULL, &executor))
        return 1;
    int error =
        ovl_map(executor, square, numbers, sizeof *numbers, squares, sizeof *squares, 5, NULL);
    ovl_executor_close(executor, OVL_FOREVER);
    for (int i = 0; !error && i < 5; i++)
        printf("%d\n", squares[i]);
    return error ? 1 : 0;
}
