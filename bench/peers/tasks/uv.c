/* A million empty tasks by libuv's pool, a thousand at once: prints seconds a task. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define TASKS  1000000
#define WINDOW 1000

static uv_work_t works[WINDOW];
static long begun;

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void ended(uv_work_t *work, int status)
{
    if (status)
        exit(1);
    if (begun++ < TASKS)
        uv_queue_work(uv_default_loop(), work, nothing, ended);
}

int main(int count, char **arguments)
{
    setenv("UV_THREADPOOL_SIZE", count > 1 ? arguments[1] : "2", 1);
    for (int round = 0; round < 2; round++) {
        uint64_t begin = uv_hrtime();
        begun = 0;
        for (int i = 0; i < WINDOW; i++, begun++)
            uv_queue_work(uv_default_loop(), &works[i], nothing, ended);
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        if (round)
            printf("%.12f\n", (double)(uv_hrtime() - begin) / 1e9 / TASKS);
    }
    return 0;
}
