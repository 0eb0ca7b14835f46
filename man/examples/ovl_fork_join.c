/* The sum of an array by halves of halves: a task that falls into parts, which idle workers take.
 */
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 1000000
#define SMALL   1000 /* so many are summed in a loop */

struct span {
    const int *numbers;
    size_t count;
    long sum;
};

static int sum(struct ovl_task *task, void *argument)
{
    struct span *span = argument;
    if (span->count <= SMALL) {
        for (size_t i = 0; i < span->count; i++)
            span->sum += span->numbers[i];
        return 0;
    }
    size_t half = span->count / 2;
    struct span left = {.numbers = span->numbers, .count = half};
    struct span right = {.numbers = span->numbers + half, .count = span->count - half};
    int error = ovl_fork_join(task, sum, &left, sum, &right);
    span->sum = left.sum + right.sum;
    return error;
}

/* Under a model that shares memory, the item may lead to the array. */
static int sum_all(struct ovl_task *task, struct ovl_bytes item)
{
    struct span span = {.numbers = *(int *const *)item.data, .count = NUMBERS};
    int error = sum(task, &span);
    return error ? error : ovl_task_return(task, &span.sum, sizeof span.sum);
}

int main(void)
{
    int *numbers = malloc(NUMBERS * sizeof *numbers);
    struct ovl_executor *executor;
    struct ovl_future *future;
    if (!numbers || ovl_executor_open(OVL_THREADS, NULL, &executor))
        return 1;
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i % 7;
    int error = ovl_submit(executor, sum_all,
                           (struct ovl_bytes){.data = &numbers, .size = sizeof numbers}, &future);
    if (!error) {
        struct ovl_bytes result;
        error = ovl_future_result(future, &result);
        if (!error)
            printf("%ld\n", *(const long *)result.data);
        ovl_future_free(future);
    }
    ovl_executor_close(executor, OVL_FOREVER);
    free(numbers);
    return error ? 1 : 0;
}
