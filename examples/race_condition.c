/*
 * The race condition: threads add to one counter, and without a lock lose counts of it. Adding is
 * three steps (read, add, write), and the operating system may switch to another thread between any
 * two of them. Three ways to mend it stand beside the race: a lock, an atomic, and a result for
 * every task.
 *
 *     race_condition [unlocked|lock|atomic|result]... [TASKS [TIMES]]
 */
#include <errno.h>
#include <overlap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS     5
#define TASKS       100
#define TIMES       20000
#define NUMBER_MAX  1000000
#define VARIANT_MAX 4

static volatile unsigned long counter; /* volatile: really read and written each time */
static atomic_ulong atomic_counter;
static pthread_mutex_t counter_lock = PTHREAD_MUTEX_INITIALIZER;

static int add_unlocked(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const unsigned long *times = item.data;
    for (unsigned long i = 0; i < *times; i++)
        counter = counter + 1;
    return 0;
}

static int add_locked(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const unsigned long *times = item.data;
    for (unsigned long i = 0; i < *times; i++) {
        pthread_mutex_lock(&counter_lock);
        counter = counter + 1;
        pthread_mutex_unlock(&counter_lock);
    }
    return 0;
}

static int add_atomic(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const unsigned long *times = item.data;
    for (unsigned long i = 0; i < *times; i++)
        atomic_fetch_add(&atomic_counter, 1);
    return 0;
}

/* Shares nothing: counts for itself, and leaves it to the caller to add the results up. */
static int add_own(struct ovl_task *task, struct ovl_bytes item)
{
    const unsigned long *times = item.data;
    volatile unsigned long own = 0;
    for (unsigned long i = 0; i < *times; i++)
        own = own + 1;
    unsigned long result = own;
    return ovl_task_return(task, &result, sizeof result);
}

static const struct variant {
    const char *name;
    ovl_task_fn *add;
    size_t result_size;
    bool mended;
} variants[VARIANT_MAX] = {
    {.name = "unlocked", .add = add_unlocked},
    {.name = "lock", .add = add_locked, .mended = true},
    {.name = "atomic", .add = add_atomic, .mended = true},
    {.name = "result", .add = add_own, .result_size = sizeof(unsigned long), .mended = true},
};

struct race {
    const char *program;
    bool chosen[VARIANT_MAX];
    size_t tasks;
    unsigned long times; /* how often each task adds 1 */
};

static _Noreturn void refuse(const char *program, const char *text)
{
    fprintf(stderr, "%s: \"%s\" is neither a variant nor a number from 1 to %d\n", program, text,
            NUMBER_MAX);
    fprintf(stderr,
            "usage: %s [unlocked|lock|atomic|result]... [TASKS [TIMES]]\n"
            "Adds 1 to a counter, TIMES (%d) in each of TASKS (%d), by %d threads.\n",
            program, TIMES, TASKS, THREADS);
    exit(2);
}

static unsigned long parse_number(const char *program, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number < 1 || number > NUMBER_MAX)
        refuse(program, text);
    return number;
}

static struct race race_from(int argc, char *argv[])
{
    struct race race = {.program = argv[0], .tasks = TASKS, .times = TIMES};
    bool any = false;
    int numbers = 0;
    for (int i = 1; i < argc; i++) {
        size_t v = 0;
        while (v < VARIANT_MAX && strcmp(argv[i], variants[v].name))
            v++;
        if (v < VARIANT_MAX)
            any = race.chosen[v] = true;
        else if (numbers == 2)
            refuse(argv[0], argv[i]);
        else if (numbers++ == 0)
            race.tasks = parse_number(argv[0], argv[i]);
        else
            race.times = parse_number(argv[0], argv[i]);
    }
    for (size_t v = 0; v < VARIANT_MAX && !any; v++)
        race.chosen[v] = true;
    return race;
}

/* Counts by one variant; returns 0 with the count, or an error. */
static int count(const struct race *race, const struct variant *variant, unsigned long *ret_count)
{
    unsigned long *items = calloc(race->tasks, sizeof *items);
    unsigned long *results = calloc(race->tasks, sizeof *results);
    struct ovl_executor *executor = NULL;
    int error = items && results ? 0 : -ENOMEM;
    counter = 0;
    atomic_store(&atomic_counter, 0);
    for (size_t i = 0; i < race->tasks && !error; i++)
        items[i] = race->times;

    if (!error)
        error =
            ovl_executor_open(OVL_THREADS, &(struct ovl_options){.workers = THREADS}, &executor);
    if (!error)
        error = ovl_map(executor, variant->add, items, sizeof *items, results, variant->result_size,
                        race->tasks, NULL);
    ovl_executor_close(executor, OVL_FOREVER);

    if (!error) {
        *ret_count = counter + atomic_load(&atomic_counter);
        for (size_t i = 0; i < race->tasks; i++)
            *ret_count += results[i];
    }
    free(items);
    free(results);
    return error;
}

/* Returns the program's exit code so far: 0, or 1 where a mended variant lost counts. */
static int run(const struct race *race, const struct variant *variant)
{
    unsigned long counted = 0;
    int error = count(race, variant, &counted);
    if (error) {
        fprintf(stderr, "%s: %s: %s; free what is short, and call it again\n", race->program,
                variant->name, ovl_error_message(error));
        return 3;
    }
    unsigned long expected = race->tasks * race->times;
    printf("%-8s  counted %lu of %lu, lost %lu\n", variant->name, counted, expected,
           expected - counted);
    return variant->mended && counted != expected ? 1 : 0;
}

int main(int argc, char *argv[])
{
    struct race race = race_from(argc, argv);
    int code = 0;
    for (size_t v = 0; v < VARIANT_MAX && !code; v++) {
        if (race.chosen[v])
            code = run(&race, &variants[v]);
    }
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "%s: standard output cannot be written: is it closed, or its disk full?\n",
                argv[0]);
        return 3;
    }
    return code;
}
