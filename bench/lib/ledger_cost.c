/*
 * What a ledger costs: the same map with and without one, in turns.
 *
 *     ledger_cost empty MODEL   prints nanoseconds a task without one, and how many more with one
 *     ledger_cost calls MODEL   the same: tasks compute 20 us, and call read and write 8 times
 *     ledger_cost waits MODEL   the same: tasks sleep 1 ms, 64 at once
 *     ledger_cost memory        prints bytes that a million tasks more add, the ledger being full
 *
 * Each turn is a pair of maps, one right after the other, and now the one and now the other first:
 * both meet the same machine, and the median of their differences counts. Where tasks compute it is
 * processor time of those who run them: how long they and who submits wait for each other is
 * chance.
 */
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int be_empty(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

static void compute(unsigned turns)
{
    uint64_t sum = 1;
    for (unsigned i = 0; i < turns; i++) {
        sum = sum * 3 + i;
        __asm__ volatile("" : "+r"(sum));
    }
}

static int open_pipe(void *context, void **ret_session)
{
    (void)context;
    int *ends = malloc(2 * sizeof *ends);
    if (!ends || pipe(ends))
        return -1;
    *ret_session = ends;
    return 0;
}

static void close_pipe(void *context, void *session)
{
    (void)context;
    int *ends = session;
    close(ends[0]);
    close(ends[1]);
    free(ends);
}

static int call(struct ovl_task *task, struct ovl_bytes item)
{
    const int *ends = ovl_task_session(task);
    char block[64] = {0};
    (void)item;
    for (int i = 0; i < 4; i++) {
        if (write(ends[1], block, sizeof block) != sizeof block ||
            read(ends[0], block, sizeof block) != sizeof block)
            return 1;
        compute(8000);
    }
    return 0;
}

static int wait(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return 0;
}

struct job {
    const char *name;
    ovl_task_fn *fn;
    size_t count;
    unsigned workers; /* 0: the model's */
    unsigned turns;   /* more where few nanoseconds, or few percents, are to be told */
    bool computes;
    bool has_session;
};

static const struct job jobs[] = {
    {.name = "empty", .fn = be_empty, .count = 100000, .workers = 2, .turns = 41, .computes = true},
    {.name = "calls",
     .fn = call,
     .count = 4000,
     .workers = 2,
     .turns = 31,
     .computes = true,
     .has_session = true},
    {.name = "waits", .fn = wait, .count = 6400, .workers = 64, .turns = 21},
};

#define TURNS_MOST 41

/* Wide: where two threads hand over, they do not do it every few tasks. */
#define WINDOW 512

static int next_item(void *context, struct ovl_bytes *ret_item)
{
    size_t *left = context;
    *ret_item = (struct ovl_bytes){0};
    return *left && (*left)--;
}

static double read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Of those who run the tasks: under sync the caller, else all others. */
static double now(const struct job *job, enum ovl_model model)
{
    if (!job->computes)
        return read_clock(CLOCK_MONOTONIC);
    double caller = read_clock(CLOCK_THREAD_CPUTIME_ID);
    return model == OVL_SYNC ? caller : read_clock(CLOCK_PROCESS_CPUTIME_ID) - caller;
}

/* Nanoseconds a task, of tasks that are submitted one by one. */
static double run(const struct job *job, enum ovl_model model, struct ovl_ledger *ledger)
{
    struct ovl_options options = {.workers = job->workers, .ledger = ledger};
    if (job->has_session) {
        options.session_open = open_pipe;
        options.session_close = close_pipe;
    }
    struct ovl_executor *executor;
    int error = ovl_executor_open(model, &options, &executor);
    if (error) {
        fprintf(stderr, "%s: %s\n", ovl_model_name(model), ovl_error_message(error));
        exit(3);
    }
    size_t left = job->count;
    struct ovl_stream stream = {
        .next = next_item,
        .context = &left,
        .window = WINDOW,
        .prompt = true,
        .as_completed = true,
    };
    double start = now(job, model);
    ovl_map_stream(executor, job->fn, &stream);
    double each = (now(job, model) - start) / (double)job->count;
    ovl_executor_close(executor, OVL_FOREVER);
    return each;
}

static struct ovl_ledger *open_ledger(size_t limit)
{
    struct ovl_ledger *ledger;
    if (ovl_ledger_open(limit, &ledger))
        exit(3);
    return ledger;
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return (first > second) - (first < second);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

static void hold_beside(const struct job *job, enum ovl_model model)
{
    double without[TURNS_MOST];
    double more[TURNS_MOST];
    for (unsigned i = 0; i < job->turns; i++) {
        struct ovl_ledger *ledger = open_ledger(0);
        double with_first = i % 2 ? run(job, model, ledger) : 0;
        without[i] = run(job, model, NULL);
        more[i] = (i % 2 ? with_first : run(job, model, ledger)) - without[i];
        ovl_ledger_close(ledger);
    }
    printf("%.3f %.3f\n", median(without, job->turns), median(more, job->turns));
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        exit(3);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* The first map fills the ledger, and brings the executor to what it needs. */
static void measure_memory(void)
{
    struct job job = {.fn = be_empty, .count = 200000, .workers = 2};
    struct ovl_ledger *ledger = open_ledger(0);
    run(&job, OVL_THREADS, ledger);
    long before = resident();
    job.count = 1000000;
    run(&job, OVL_THREADS, ledger);
    printf("%ld\n", resident() - before);
    ovl_ledger_close(ledger);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "memory")) {
        measure_memory();
        return 0;
    }
    enum ovl_model model;
    for (size_t i = 0; argc == 3 && i < sizeof jobs / sizeof *jobs; i++)
        if (!strcmp(argv[1], jobs[i].name) && !ovl_model_parse(argv[2], &model)) {
            hold_beside(&jobs[i], model);
            return 0;
        }
    fprintf(stderr, "usage: ledger_cost empty|calls|waits MODEL, or memory\n");
    return 2;
}
