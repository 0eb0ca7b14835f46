#include "base/processor.h"
#include "predict/simulate.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <overlap/error.h>
#include <overlap/executor.h>

/* More tasks than this are not all simulated: from some point on, each adds as much as the last. */
#define SIMULATED_TASKS ((size_t)4000)

/* How often tasks are drawn anew, to see how far the time depends on which are known. */
#define DRAWS 6

/* What a prediction may be off even where every task is known. */
#define MODEL_ERROR 0.05

/* 95% lie within so many standard deviations. */
#define DEVIATIONS 1.96

/* Fewer workers are preferred where they are within this of the best. */
#define NEARLY 1.03

static bool is_kind(int kind)
{
    return kind >= OVL_READY && kind < OVL_WAIT_COUNT;
}

static int check_part(const struct ovl_work *work, const struct ovl_part *part)
{
    bool fine =
        part->length_ns >= 0 && is_kind(part->kind) && part->resource <= work->resource_count;
    return fine ? 0 : -EINVAL;
}

static int check_work(const struct ovl_work *work)
{
    if (!work->task_count)
        return -EINVAL;
    for (size_t i = 0; i < work->resource_count; i++)
        if (!work->resources[i].capacity)
            return -EINVAL;
    int error = 0;
    for (size_t i = 0; i < work->task_count && !error; i++)
        for (size_t n = 0; n < work->tasks[i].count && !error; n++)
            error = check_part(work, &work->tasks[i].parts[n]);
    return error;
}

static unsigned workers_of(const struct ovl_plan *plan)
{
    if (plan->model == OVL_SYNC)
        return 1;
    return plan->workers ? plan->workers : ovl_model_default_workers(plan->model);
}

/* --- one plan --- */

/*
 * The whole run; of many tasks the first, and then as the second half of these went on: but no
 * faster than they are submitted, also where those that were waited until there were workers.
 */
static int run_whole(const struct ovl__run *whole, struct ovl__run_time *ret)
{
    struct ovl__run run = *whole;
    size_t most = SIMULATED_TASKS;
    if (most / 4 < run.plan->workers)
        most = 4 * (size_t)run.plan->workers;
    if (run.total <= most)
        return ovl__simulate(&run, ret);
    struct ovl__run_time half;
    struct ovl__run_time full;
    run.total = most / 2;
    int error = ovl__simulate(&run, &half);
    run.total = most;
    if (!error)
        error = ovl__simulate(&run, &full);
    if (error)
        return error;
    size_t second = most - most / 2;
    double more = (double)(whole->total - most) / (double)second;
    double submits = run.costs->models[run.plan->model].submit_ns * (double)whole->total;
    ret->wall = fmax(full.wall + more * (full.wall - half.wall), submits);
    ret->cpu = full.cpu + more * (full.cpu - half.cpu);
    return 0;
}

/* The standard deviation that comes of knowing a part of the tasks only. */
static int find_spread(const struct ovl__run *known, double *ret_spread)
{
    *ret_spread = 0;
    if (known->work->task_count >= known->total || known->work->task_count < 2)
        return 0;
    double sum = 0;
    double squares = 0;
    struct ovl__run drawn = *known;
    /* What few tasks tell of many is as uncertain as they are, and the many stray by themselves. */
    drawn.total = known->work->task_count;
    double factor = sqrt(1 + (double)drawn.total / (double)known->total);
    for (unsigned i = 1; i <= DRAWS; i++) {
        struct ovl__run_time time;
        drawn.seed = i * 0x9e3779b97f4a7c15;
        int error = run_whole(&drawn, &time);
        if (error)
            return error;
        sum += time.wall;
        squares += time.wall * time.wall;
    }
    double mean = sum / DRAWS;
    double variance = fmax(squares / DRAWS - mean * mean, 0) * DRAWS / (DRAWS - 1);
    *ret_spread = mean > 0 ? sqrt(variance) / mean * factor : 0;
    return 0;
}

struct question {
    struct ovl_work work; /* the defaults filled in */
    struct ovl_plan plan;
    struct ovl_costs costs;
    struct ovl__run run;
};

static int ask(struct question *question, const struct ovl_work *work, const struct ovl_plan *plan,
               const struct ovl_costs *costs)
{
    if ((unsigned)plan->model >= OVL_MODEL_COUNT)
        return OVL_EMODEL;
    if (plan->more_open_ns < 0 || plan->more_worker_ns < 0 || plan->more_task_ns < 0)
        return -EINVAL;
    int error = check_work(work);
    if (error)
        return error;
    question->work = *work;
    question->plan = *plan;
    question->plan.workers = workers_of(plan);
    if (!question->work.cores)
        question->work.cores = ovl__processors();
    if (costs)
        question->costs = *costs;
    else
        ovl_costs_get(&question->costs);
    question->run = (struct ovl__run){
        .work = &question->work,
        .plan = &question->plan,
        .costs = &question->costs,
        .total = work->total ? work->total : work->task_count,
    };
    return 0;
}

static int simulate_sync(const struct question *question, double *ret_wall)
{
    struct ovl_plan plan = {.model = OVL_SYNC, .workers = 1};
    struct ovl__run run = question->run;
    run.plan = &plan;
    struct ovl__run_time time = {0};
    int error = run_whole(&run, &time);
    *ret_wall = time.wall + (double)question->work.serial_ns;
    return error;
}

static double processors_of(const struct question *question)
{
    bool one = question->plan.model == OVL_ASYNC || question->plan.model == OVL_SYNC;
    double cores = question->work.cores;
    return one ? 1 : fmin(cores, question->plan.workers);
}

static void fill_in(struct ovl_prediction *prediction, const struct question *question,
                    struct ovl__run_time time, double spread, double sync)
{
    double serial = (double)question->work.serial_ns;
    double off = hypot(DEVIATIONS * spread, MODEL_ERROR) * time.wall;
    double wall = time.wall + serial;
    double least = fmax(time.wall - off, time.wall / 4) + serial;
    double most = wall + off;
    *prediction = (struct ovl_prediction){
        .model = question->plan.model,
        .workers = question->plan.workers,
        .wall_ns = (ovl_time)wall,
        .least_ns = (ovl_time)least,
        .most_ns = (ovl_time)most,
        .cpu_ns = (ovl_time)time.cpu,
        .speedup = wall > 0 ? sync / wall : 1,
        .speedup_least = most > 0 ? sync / most : 1,
        .speedup_most = least > 0 ? sync / least : 1,
        .busy = time.wall > 0 ? fmin(time.cpu / time.wall / processors_of(question), 1) : 0,
    };
}

static int answer(const struct question *question, struct ovl_prediction *ret)
{
    struct ovl__run_time time;
    double spread;
    double sync;
    int error = run_whole(&question->run, &time);
    if (!error)
        error = find_spread(&question->run, &spread);
    if (!error)
        error = simulate_sync(question, &sync);
    if (!error)
        fill_in(ret, question, time, spread, sync);
    return error;
}

int ovl_predict(const struct ovl_work *work, const struct ovl_plan *plan,
                const struct ovl_costs *costs, struct ovl_prediction *ret)
{
    struct question question;
    int error = ask(&question, work, plan, costs);
    return error ? error : answer(&question, ret);
}

/* --- the best number --- */

static unsigned most_workers(const struct question *question, unsigned most)
{
    enum ovl_model model = question->plan.model;
    unsigned limit = model == OVL_ASYNC ? OVL_COROUTINES_MAX : OVL_WORKERS_MAX;
    if (!most || most > limit)
        most = limit;
    if (question->run.total < most)
        most = (unsigned)question->run.total;
    return model == OVL_SYNC ? 1 : most;
}

/* Every number up to 4, then about half as many again each time; the processors' number too. */
static unsigned next_number(unsigned workers, unsigned cores)
{
    unsigned next = workers < 4 ? workers + 1 : workers + workers / 2;
    return workers < cores && cores < next ? cores : next;
}

struct candidate {
    unsigned workers;
    double wall;
};

int ovl_predict_best(const struct ovl_work *work, const struct ovl_plan *plan, unsigned most,
                     const struct ovl_costs *costs, struct ovl_prediction *ret)
{
    struct question question;
    int error = ask(&question, work, plan, costs);
    if (error)
        return error;
    most = most_workers(&question, most);
    struct candidate tried[64];
    size_t count = 0;
    double best = INFINITY;
    for (unsigned workers = 1; count < 64; workers = next_number(workers, question.work.cores)) {
        question.plan.workers = workers < most ? workers : most;
        struct ovl__run_time time;
        error = run_whole(&question.run, &time);
        if (error)
            return error;
        tried[count++] = (struct candidate){question.plan.workers, time.wall};
        best = fmin(best, time.wall);
        if (workers >= most)
            break;
    }
    for (size_t i = count; i--;)
        if (tried[i].wall <= NEARLY * best)
            question.plan.workers = tried[i].workers;
    return answer(&question, ret);
}
