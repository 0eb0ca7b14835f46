/*
 * Tasks that do next to nothing, under one model: what a model itself costs. The last line tells
 * how long the work took, from before the workers are opened until they are closed where the work
 * is "first", until the first task's result is there where it is "open", and without opening and
 * closing elsewhere.
 *
 *     tasks MODEL WORKERS map|stream|trip|large|first|open COUNT
 *
 * map: ovl_map over numbers; stream: the same, with a future for each task; trip: one task in
 * flight; large: results of 1 MiB, looked at where they are; first: open, run one task, close;
 * open: the same, without the time that closing takes.
 */
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE ((size_t)1 << 20)

static int give_back(struct ovl_task *task, struct ovl_bytes item)
{
    return ovl_task_return(task, item.data, item.size);
}

static int fill(struct ovl_task *task, struct ovl_bytes item)
{
    char *result = ovl_task_result(task, LARGE);
    if (!result)
        return -1;
    memset(result, *(const int *)item.data, LARGE);
    return 0;
}

static void check(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "%s: %s %s\n", what, ovl_error_message(error), ovl_cluster_problem());
    exit(1);
}

static struct ovl_executor *open_workers(enum ovl_model model, unsigned workers)
{
    struct ovl_executor *executor;
    check(ovl_executor_open(model, &(struct ovl_options){.workers = workers}, &executor), "open");
    return executor;
}

struct numbers {
    int next, count;
    size_t bytes;
};

static int next_number(void *context, struct ovl_bytes *ret_item)
{
    struct numbers *numbers = context;
    if (numbers->next == numbers->count)
        return 0;
    numbers->next++;
    *ret_item = (struct ovl_bytes){&numbers->next, sizeof numbers->next};
    return 1;
}

/* Touches a byte in each page of what came. */
static int look(void *context, size_t index, const struct ovl_outcome *outcome,
                struct ovl_bytes result)
{
    struct numbers *numbers = context;
    const volatile char *bytes = result.data;
    (void)index;
    for (size_t i = 0; i < result.size; i += 4096)
        (void)bytes[i];
    numbers->bytes += result.size;
    return outcome->error;
}

static void stream(struct ovl_executor *executor, ovl_task_fn *fn, int count, size_t window)
{
    struct numbers numbers = {.count = count};
    const struct ovl_stream all = {.next = next_number,
                                   .each = look,
                                   .context = &numbers,
                                   .prompt = true,
                                   .as_completed = true,
                                   .window = window};
    check(ovl_map_stream(executor, fn, &all), "stream");
}

static void map(struct ovl_executor *executor, int count)
{
    int *items = malloc((size_t)count * sizeof *items);
    int *results = malloc((size_t)count * sizeof *results);
    for (int i = 0; i < count; i++)
        items[i] = i;
    check(ovl_map(executor, give_back, items, sizeof *items, results, sizeof *results,
                  (size_t)count, NULL),
          "map");
    check(memcmp(items, results, (size_t)count * sizeof *items) ? -1 : 0, "results");
    free(items);
    free(results);
}

static void trip(struct ovl_executor *executor, int count)
{
    struct ovl_bytes item = {&count, sizeof count};
    for (int i = 0; i < count; i++) {
        struct ovl_future *future;
        check(ovl_submit(executor, give_back, item, &future), "submit");
        check(ovl_future_result(future, NULL), "task");
        ovl_future_free(future);
    }
}

static void work(struct ovl_executor *executor, const char *what, int count)
{
    if (!strcmp(what, "map"))
        map(executor, count);
    else if (!strcmp(what, "stream"))
        stream(executor, give_back, count, 1024);
    else if (!strcmp(what, "large"))
        stream(executor, fill, count, 0);
    else
        trip(executor, count);
}

/* Opens, runs one task and closes, `count` times. Returns how long that took. */
static ovl_time begin_anew(enum ovl_model model, unsigned workers, int count, bool close_counts)
{
    ovl_time took = 0;
    for (int i = 0; i < count; i++) {
        ovl_time begin = ovl_now();
        struct ovl_executor *executor = open_workers(model, workers);
        trip(executor, 1);
        ovl_time opened = ovl_now();
        ovl_executor_close(executor, OVL_FOREVER);
        took += (close_counts ? ovl_now() : opened) - begin;
    }
    return took;
}

/* How long the work takes in workers that are open and warm; closing them is left out. */
static ovl_time work_warm(enum ovl_model model, unsigned workers, const char *what, int count)
{
    struct ovl_executor *executor = open_workers(model, workers);
    trip(executor, 100);
    ovl_time begin = ovl_now();
    work(executor, what, count);
    ovl_time took = ovl_now() - begin;
    ovl_executor_close(executor, OVL_FOREVER);
    return took;
}

int main(int argc, char **argv)
{
    enum ovl_model model;
    if (argc != 5 || ovl_model_parse(argv[1], &model)) {
        fprintf(stderr, "usage: tasks MODEL WORKERS map|stream|trip|large|first|open COUNT\n");
        return 2;
    }
    unsigned workers = (unsigned)atoi(argv[2]);
    int count = atoi(argv[4]);
    bool first = !strcmp(argv[3], "first");
    ovl_time took = first || !strcmp(argv[3], "open") ? begin_anew(model, workers, count, first)
                                                      : work_warm(model, workers, argv[3], count);
    printf("Duration %.9f seconds\n", (double)took / 1e9);
    return 0;
}
