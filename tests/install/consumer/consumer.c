/* A user's program: runs a task under every model, and one task that waits for another in
 * coroutines. */
#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    const int *number = item.data;
    int result = *number * *number;
    return ovl_task_return(task, &result, sizeof result);
}

static int run_square(enum ovl_model model)
{
    const struct ovl_options options = {.queue_limit = 3};
    struct ovl_executor *executor;
    int error = ovl_executor_open(model, &options, &executor);
    if (error)
        return error;
    const int number = 12;
    const struct ovl_bytes item = {.data = &number, .size = sizeof number};
    struct ovl_future *future = NULL;
    struct ovl_bytes result = {0};
    error = ovl_submit(executor, square, item, &future);
    if (!error)
        error = ovl_future_result(future, &result);
    if (!error && (result.size != sizeof number || *(const int *)result.data != 144))
        error = -EBADMSG;
    ovl_future_free(future);
    ovl_executor_close(executor, OVL_FOREVER);
    return error;
}

/* Blocks in read(2), which in a coroutine gives way: but only where the program's read is the
 * library's. */
static int take(struct ovl_task *task, struct ovl_bytes item)
{
    const int *ends = item.data;
    char byte;
    if (read(ends[0], &byte, 1) != 1)
        return -EIO;
    return ovl_task_return(task, &byte, 1);
}

static int give(struct ovl_task *task, struct ovl_bytes item)
{
    const int *ends = item.data;
    (void)task;
    return write(ends[1], "x", 1) == 1 ? 0 : -EIO;
}

static int run_pipe(void)
{
    int ends[2];
    if (pipe(ends))
        return -errno;
    const struct ovl_options options = {.workers = 2};
    struct ovl_executor *executor;
    int error = ovl_executor_open(OVL_ASYNC, &options, &executor);
    if (error)
        return error;
    const struct ovl_bytes item = {.data = ends, .size = sizeof ends};
    struct ovl_future *taken = NULL;
    struct ovl_bytes result = {0};
    error = ovl_submit(executor, take, item, &taken);
    if (!error)
        error = ovl_submit(executor, give, item, NULL);
    if (!error)
        error = ovl_future_result(taken, &result);
    if (!error && (result.size != 1 || *(const char *)result.data != 'x'))
        error = -EBADMSG;
    ovl_future_free(taken);
    ovl_executor_close(executor, OVL_FOREVER);
    close(ends[0]);
    close(ends[1]);
    return error;
}

static int report(const char *what, int error)
{
    printf("  %s: %s\n", what, error ? ovl_error_message(error) : "ok");
    fflush(stdout); /* a process that is forked next must not print it again */
    return error != 0;
}

int main(int argc, char **argv)
{
    alarm(
        60); /* where the hooks do not bind, the coroutine that reads blocks the one that writes */
    if (argc != 2)
        return 2;
    if (strcmp(argv[1], OVL_VERSION) != 0 || strcmp(ovl_version(), OVL_VERSION) != 0) {
        printf("header %s, library %s, asked for %s\n", OVL_VERSION, ovl_version(), argv[1]);
        return 1;
    }
    int failures = 0;
    for (int model = 0; model < OVL_MODEL_COUNT; model++)
        failures +=
            report(ovl_model_name((enum ovl_model)model), run_square((enum ovl_model)model));
    failures += report("a read that waits for another coroutine", run_pipe());
    return failures != 0;
}
