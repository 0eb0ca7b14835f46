/*
 * A million empty tasks from outside, and a tree of parts: `thread_tasks map|submit|keep|join
 * WORKERS` prints seconds a task. The first round warms, the second is measured.
 */
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS  1000000
#define WINDOW 1000 /* futures at once, of `submit` */

static struct ovl_future *futures[TASKS];

static int nothing(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

static void finish(struct ovl_future *future)
{
    if (ovl_future_wait(future, OVL_FOREVER))
        exit(1);
    ovl_future_free(future);
}

/* At most `window` futures at once; each is waited for. */
static long submit(struct ovl_executor *executor, size_t window)
{
    for (size_t i = 0; i < TASKS; i++) {
        if (i >= window)
            finish(futures[i % window]);
        if (ovl_submit(executor, nothing, (struct ovl_bytes){0}, &futures[i % window]))
            exit(1);
    }
    for (size_t i = 0; i < window; i++)
        finish(futures[i]);
    return TASKS;
}

static long map(struct ovl_executor *executor)
{
    if (ovl_map(executor, nothing, NULL, 0, NULL, 0, TASKS, NULL))
        exit(1);
    return TASKS;
}

struct fibonacci {
    int n;
    long result;
};

static int fibonacci(struct ovl_task *task, void *argument)
{
    struct fibonacci *number = argument;
    if (number->n < 2) {
        number->result = number->n;
        return 0;
    }
    struct fibonacci left = {.n = number->n - 1};
    struct fibonacci right = {.n = number->n - 2};
    ovl_fork_join(task, fibonacci, &left, fibonacci, &right);
    number->result = left.result + right.result;
    return 0;
}

static int tree(struct ovl_task *task, struct ovl_bytes item)
{
    struct fibonacci number = {.n = *(const int *)item.data};
    fibonacci(task, &number);
    return number.result == 832040 ? 0 : 1;
}

static long join(struct ovl_executor *executor)
{
    struct ovl_future *future;
    if (ovl_submit(executor, tree, (struct ovl_bytes){&(int){30}, sizeof(int)}, &future) ||
        ovl_future_result(future, NULL))
        exit(1);
    ovl_future_free(future);
    return 1346268; /* joins */
}

static long run(struct ovl_executor *executor, const char *what)
{
    if (!strcmp(what, "map"))
        return map(executor);
    if (!strcmp(what, "join"))
        return join(executor);
    return submit(executor, !strcmp(what, "keep") ? TASKS : WINDOW);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "map";
    struct ovl_options options = {.workers = count > 2 ? (unsigned)atoi(arguments[2]) : 2};
    struct ovl_executor *executor;
    if (ovl_executor_open(OVL_THREADS, &options, &executor))
        return 1;
    for (int round = 0; round < 2; round++) {
        ovl_time begin = ovl_now();
        long tasks = run(executor, what);
        if (round)
            printf("%.12f\n", (double)(ovl_now() - begin) / 1e9 / (double)tasks);
    }
    return ovl_executor_close(executor, OVL_FOREVER) ? 1 : 0;
}
