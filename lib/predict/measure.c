/* Measures what models cost: small work under each, timed. The least of several times counts. */
#include "base/memory.h"
#include "base/processor.h"
#include "predict/costs.h"

#include <errno.h>
#include <math.h>
#include <overlap/executor.h>
#include <overlap/map.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS      3
#define EMPTY_TASKS 2000
#define NAPPERS     64
#define NAPS        8
#define NAP_NS      (200 * OVL_MICROSECOND)
#define SPIN_NS     (3 * OVL_MILLISECOND)

/* A coroutine costs no less and no more to begin: what is measured beyond is the machine's doing.
 */
#define COROUTINE_LEAST_NS 500
#define COROUTINE_MOST_NS  5000

static int empty(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    for (int i = 0; i < NAPS; i++)
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    return 0;
}

static double cpu_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e9 +
           ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) * 1e3;
}

/* What a map took, in all; nanoseconds. */
struct spent {
    double wall;
    double cpu;
};

static int run(enum ovl_model model, unsigned workers, ovl_task_fn *fn, size_t count,
               struct spent *ret)
{
    struct ovl_executor *executor;
    int error = ovl_executor_open(model, &(struct ovl_options){.workers = workers}, &executor);
    if (error)
        return error;
    char item = 0;
    double cpu = cpu_now();
    ovl_time start = ovl_now();
    char *items = ovl__zalloc(count);
    error = items ? ovl_map(executor, fn, items, sizeof item, NULL, 0, count, NULL) : -ENOMEM;
    ret->wall = (double)(ovl_now() - start);
    ret->cpu = cpu_now() - cpu;
    ovl_executor_close(executor, OVL_FOREVER);
    free(items);
    return error;
}

static int run_best(enum ovl_model model, unsigned workers, ovl_task_fn *fn, size_t count,
                    struct spent *ret)
{
    *ret = (struct spent){INFINITY, INFINITY};
    for (int i = 0; i < ROUNDS; i++) {
        struct spent spent;
        int error = run(model, workers, fn, count, &spent);
        if (error)
            return error;
        ret->wall = fmin(ret->wall, spent.wall);
        ret->cpu = fmin(ret->cpu, spent.cpu);
    }
    return 0;
}

static int time_open(enum ovl_model model, unsigned workers, double *ret)
{
    *ret = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        struct ovl_executor *executor;
        ovl_time start = ovl_now();
        int error = ovl_executor_open(model, &(struct ovl_options){.workers = workers}, &executor);
        if (error)
            return error;
        ovl_executor_close(executor, OVL_FOREVER);
        *ret = fmin(*ret, (double)(ovl_now() - start));
    }
    return 0;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

/* Of many coroutines the cost shows when all of them begin; of others when they are opened. */
static int measure_workers(enum ovl_model model, struct ovl_model_cost *cost)
{
    double one;
    double many;
    unsigned workers = model == OVL_PROCESSES ? 3 : 9;
    int error = time_open(model, 1, &one);
    if (!error)
        error = time_open(model, workers, &many);
    if (error)
        return error;
    cost->worker_ns = at_least((many - one) / (workers - 1), 0);
    cost->open_ns = at_least(one - cost->worker_ns, 0);
    return 0;
}

static int measure_tasks(enum ovl_model model, struct ovl_model_cost *cost)
{
    struct spent spent;
    unsigned workers = model == OVL_ASYNC ? 64 : ovl__processors();
    size_t count = model == OVL_PROCESSES ? EMPTY_TASKS / 4 : EMPTY_TASKS;
    int error = run_best(model, workers, empty, count, &spent);
    if (error)
        return error;
    double wall = spent.wall / (double)count;
    double cpu = spent.cpu / (double)count;
    if (model == OVL_SYNC) {
        cost->task_ns = wall;
        return 0;
    }
    cost->submit_ns = wall;
    cost->task_ns = model == OVL_PROCESSES ? wall : at_least(cpu - wall, wall / 10);
    return 0;
}

static int measure_waits(enum ovl_model model, struct ovl_model_cost *cost)
{
    if (model == OVL_SYNC || model == OVL_PROCESSES)
        return 0;
    struct spent spent;
    int error = run_best(model, NAPPERS, nap, NAPPERS, &spent);
    if (error)
        return error;
    double tasks = NAPPERS * (cost->task_ns + cost->submit_ns);
    cost->wait_ns = at_least((spent.cpu - tasks) / (NAPPERS * NAPS), 0);
    if (model == OVL_ASYNC) { /* its workers began in the map */
        double beyond = spent.wall - NAPS * (double)NAP_NS - NAPPERS * NAPS * cost->wait_ns;
        double each = beyond / NAPPERS / 4;
        cost->worker_ns =
            each < COROUTINE_MOST_NS ? at_least(each, COROUTINE_LEAST_NS) : COROUTINE_MOST_NS;
    }
    return 0;
}

/* --- processors side by side --- */

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

/* A fixed piece of computing; its CPU time, which grows where a neighbour slows it down. */
static double compute(size_t turns)
{
    ovl_time start = thread_cpu();
    volatile uint64_t sum = 0;
    for (size_t i = 0; i < turns; i++)
        sum += i * i;
    return (double)(thread_cpu() - start);
}

enum signal { WAIT, GO, LEAVE };

struct spinner {
    pthread_t thread;
    _Atomic(enum signal) *together;
    size_t turns;
    double spent;
};

static void *spin(void *argument)
{
    struct spinner *spinner = argument;
    enum signal signal;
    while ((signal = atomic_load(spinner->together)) == WAIT)
        sched_yield();
    if (signal == GO)
        spinner->spent = compute(spinner->turns);
    return NULL;
}

#define SPINNERS_MOST 64

/* The mean CPU time of as many threads as there are processors, side by side; 0: it failed. */
static double compute_together(size_t turns, unsigned cores)
{
    struct spinner spinners[SPINNERS_MOST];
    _Atomic(enum signal) together = WAIT;
    unsigned others = cores - 1 < SPINNERS_MOST ? cores - 1 : SPINNERS_MOST;
    unsigned begun = 0;
    for (; begun < others; begun++) {
        spinners[begun] = (struct spinner){.together = &together, .turns = turns};
        if (pthread_create(&spinners[begun].thread, NULL, spin, &spinners[begun]))
            break;
    }
    bool all = begun == others;
    atomic_store(&together, all ? GO : LEAVE);
    double sum = all ? compute(turns) : 0;
    for (unsigned i = 0; i < begun; i++) {
        pthread_join(spinners[i].thread, NULL);
        sum += spinners[i].spent;
    }
    return all ? sum / (others + 1) : 0;
}

static double measure_parallel(unsigned cores)
{
    if (cores < 2)
        return 1;
    double start = compute(10000);
    size_t turns = (size_t)(10000 * (double)SPIN_NS / at_least(start, 1000));
    double alone = INFINITY;
    double together = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        alone = fmin(alone, compute(turns));
        double spent = compute_together(turns, cores);
        if (spent > 0)
            together = fmin(together, spent);
    }
    double parallel = alone / together;
    return parallel > 1 ? 1 : at_least(parallel, 0.3);
}

int ovl_costs_measure(struct ovl_costs *ret_costs)
{
    struct ovl_costs costs = {.cores = ovl__processors()};
    const enum ovl_model models[] = {OVL_SYNC, OVL_THREADS, OVL_ASYNC, OVL_PROCESSES};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct ovl_model_cost *cost = &costs.models[models[i]];
        int error = measure_workers(models[i], cost);
        if (!error)
            error = measure_tasks(models[i], cost);
        if (!error)
            error = measure_waits(models[i], cost);
        if (error)
            return error;
    }
    costs.parallel = measure_parallel(costs.cores);
    *ret_costs = costs;
    return 0;
}
