/*
 * Proves the predictor: against work whose time under each model can be worked out by hand, ledgers
 * of known shape, and cache files of every kind of damage.
 */
#include "../support/cases.h"
#include "../support/scratch.h"
#include "ledger/meter.h"
#include "predict/costs.h"
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

/* A machine on which nothing costs anything. */
static const struct ovl_costs free_of_charge = {.parallel = 1, .cores = 2};

struct example {
    const char *what;
    struct ovl_part parts[4];
    size_t part_count;
    size_t total;
    struct ovl_resource resource;
    ovl_time serial_ns;
    enum ovl_model model;
    unsigned workers;
    double milliseconds;
};

#define COMPUTES(n)                                                                                \
    {                                                                                              \
        .length_ns = (n)*MS, .kind = OVL_COMPUTING                                                 \
    }
#define WAITS(n)                                                                                   \
    {                                                                                              \
        .length_ns = (n)*MS, .kind = OVL_WAIT_NETWORK                                              \
    }
#define UNSEEN(n)                                                                                  \
    {                                                                                              \
        .length_ns = (n)*MS, .kind = OVL_UNSEEN                                                    \
    }

static const struct example examples[] = {
    {"waits, sync", {WAITS(50)}, 1, 160, {0}, 0, OVL_SYNC, 1, 8000},
    {"waits, 5 threads", {WAITS(50)}, 1, 160, {0}, 0, OVL_THREADS, 5, 1600},
    {"waits, 160 coroutines", {WAITS(50)}, 1, 160, {0}, 0, OVL_ASYNC, 160, 50},
    {"waits, more coroutines than tasks", {WAITS(50)}, 1, 160, {0}, 0, OVL_ASYNC, 10000, 50},
    {"waits, 2 processes", {WAITS(50)}, 1, 160, {0}, 0, OVL_PROCESSES, 2, 4000},
    {"computing, sync", {COMPUTES(10)}, 1, 20, {0}, 0, OVL_SYNC, 1, 200},
    {"computing, 2 threads", {COMPUTES(10)}, 1, 20, {0}, 0, OVL_THREADS, 2, 100},
    {"computing, 4 threads share 2 processors", {COMPUTES(10)}, 1, 20, {0}, 0, OVL_THREADS, 4, 100},
    {"computing, 1 thread", {COMPUTES(10)}, 1, 20, {0}, 0, OVL_THREADS, 1, 200},
    {"computing, async", {COMPUTES(10)}, 1, 20, {0}, 0, OVL_ASYNC, 20, 200},
    {"computing in an interpreter, threads",
     {{.length_ns = 10 * MS, .kind = OVL_COMPUTING, .resource = 1}},
     1,
     20,
     {.capacity = 1, .per_process = true},
     0,
     OVL_THREADS,
     4,
     200},
    {"computing in an interpreter, processes",
     {{.length_ns = 10 * MS, .kind = OVL_COMPUTING, .resource = 1}},
     1,
     20,
     {.capacity = 1, .per_process = true},
     0,
     OVL_PROCESSES,
     2,
     100},
    {"a server that takes 4",
     {{.length_ns = 20 * MS, .kind = OVL_WAIT_NETWORK, .resource = 1}},
     1,
     40,
     {.capacity = 4},
     0,
     OVL_ASYNC,
     40,
     200},
    {"a lock held in a wait and in computing",
     {{.length_ns = 5 * MS, .kind = OVL_COMPUTING, .resource = 1},
      {.length_ns = 5 * MS, .kind = OVL_WAIT_DISK, .resource = 1}},
     2,
     10,
     {.capacity = 1},
     0,
     OVL_THREADS,
     10,
     100},
    {"waits that block the loop", {UNSEEN(10)}, 1, 10, {0}, 0, OVL_ASYNC, 10, 100},
    {"the same in threads", {UNSEEN(10)}, 1, 10, {0}, 0, OVL_THREADS, 10, 10},
    {"half and half, async: waits hide behind computing",
     {COMPUTES(10), WAITS(10)},
     2,
     10,
     {0},
     0,
     OVL_ASYNC,
     10,
     110},
    {"half and half, 4 threads that stay in step on 2 processors",
     {COMPUTES(10), WAITS(10)},
     2,
     40,
     {0},
     0,
     OVL_THREADS,
     4,
     300},
    {"a serial part", {WAITS(10)}, 1, 10, {0}, 70 * MS, OVL_THREADS, 10, 80},
    {"many tasks are not all simulated", {COMPUTES(1)}, 1, 1000000, {0}, 0, OVL_THREADS, 2, 500000},
};

static struct ovl_prediction predict(const struct example *example, unsigned workers)
{
    struct ovl_part_list list = {.parts = example->parts, .count = example->part_count};
    struct ovl_work work = {
        .tasks = &list,
        .task_count = 1,
        .total = example->total,
        .resources = &example->resource,
        .resource_count = example->resource.capacity ? 1 : 0,
        .serial_ns = example->serial_ns,
        .cores = 2,
    };
    struct ovl_plan plan = {.model = example->model, .workers = workers};
    struct ovl_prediction prediction;
    int error = workers ? ovl_predict(&work, &plan, &free_of_charge, &prediction)
                        : ovl_predict_best(&work, &plan, 0, &free_of_charge, &prediction);
    if (error)
        fail_msg("%s: %s", example->what, ovl_error_message(error));
    return prediction;
}

static void times_are_as_worked_out_by_hand(void)
{
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        const struct example *example = &examples[i];
        struct ovl_prediction prediction = predict(example, example->workers);
        double milliseconds = (double)prediction.wall_ns / (double)MS;
        if (fabs(milliseconds - example->milliseconds) > 0.051 * example->milliseconds)
            fail_msg("%s: %.3f ms, not %.3f", example->what, milliseconds, example->milliseconds);
        assert_true(prediction.least_ns <= prediction.wall_ns);
        assert_true(prediction.wall_ns <= prediction.most_ns);
        assert_int_equal(prediction.model, example->model);
    }
}

static void the_best_number_is_found(void)
{
    const struct {
        size_t example;
        unsigned least;
        unsigned most;
    } rows[] = {{2, 160, 160}, {6, 2, 2}, {12, 4, 4}, {10, 1, 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct example *example = &examples[rows[i].example];
        unsigned workers = predict(example, 0).workers;
        if (workers < rows[i].least || workers > rows[i].most)
            fail_msg("%s: %u workers", example->what, workers);
    }
}

static void speedup_is_against_sync(void)
{
    struct ovl_prediction prediction = predict(&examples[1], 5);
    assert_true(fabs(prediction.speedup - 5) < 0.05);
    assert_true(prediction.speedup_least < 5 && prediction.speedup_most > 5);
    prediction = predict(&examples[5], 1);
    assert_true(fabs(prediction.speedup - 1) < 1e-6);
    assert_true(prediction.busy > 0.99);
}

static void what_a_model_costs_is_added(void)
{
    struct ovl_costs costs = {.parallel = 0.5, .cores = 2};
    costs.models[OVL_THREADS] =
        (struct ovl_model_cost){.open_ns = 4 * MS, .worker_ns = 2 * MS, .task_ns = 3 * MS};
    struct ovl_part part = COMPUTES(7);
    struct ovl_part_list list = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &list, .task_count = 1, .total = 10, .cores = 2};
    struct ovl_prediction prediction;
    struct ovl_plan plan = {.model = OVL_THREADS, .workers = 1, .more_task_ns = 5 * MS};
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns / MS, 4 + 2 + 10 * (3 + 5 + 7));
    plan.more_open_ns = 100 * MS;
    plan.more_worker_ns = 30 * MS;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns / MS, 100 + 30 + 4 + 2 + 10 * (3 + 5 + 7));
    /* All threads begin before the first task, however few the tasks. */
    work.total = 1;
    plan = (struct ovl_plan){.model = OVL_THREADS, .workers = 10};
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns / MS, 4 + 10 * 2 + 3 + 7);
    work.total = 10;
    /* Two processors that do half as much each when both compute do no more than one. */
    plan = (struct ovl_plan){.model = OVL_THREADS, .workers = 2};
    costs.models[OVL_THREADS] = (struct ovl_model_cost){0};
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal((prediction.wall_ns + MS / 2) / MS, 70);
}

/* Who hands tasks to the workers of `processes` does it for one at a time; of short tasks they have
 * the next one already. */
static void tasks_are_handed_out_by_one(void)
{
    struct ovl_costs costs = free_of_charge;
    costs.models[OVL_PROCESSES].hand_ns = 2 * MS;
    struct ovl_part part = WAITS(4);
    struct ovl_part_list list = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &list, .task_count = 1, .total = 40, .cores = 2};
    struct ovl_plan plan = {.model = OVL_PROCESSES, .workers = 1};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns, 40 * (4 + 2) * MS);
    plan.workers = 8; /* 8 of them could end 8 tasks in 4 ms, and are handed 2 */
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns, (4 + 40 * 2) * MS);
    part.length_ns = 10 * OVL_MICROSECOND;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns, 40 / 8 * 10 * OVL_MICROSECOND);
}

static ovl_time time_told(struct ovl_part part, unsigned workers, ovl_time tell_ns)
{
    struct ovl_costs costs = free_of_charge;
    costs.models[OVL_ASYNC].tell_ns = (double)tell_ns;
    struct ovl_part_list task = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &task, .task_count = 1, .total = 10, .cores = 2};
    struct ovl_plan plan = {.model = OVL_ASYNC, .workers = workers};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    return prediction.wall_ns;
}

static void who_waits_is_woken_by_those_that_end_while_it_sleeps(void)
{
    /* Each finds it asleep. */
    assert_int_equal(time_told((struct ovl_part)COMPUTES(3), 1, MS), 10 * (3 + 1) * MS);
    /* The first, the fifth and the ninth do: at 1, 9 and 17 ms. */
    assert_int_equal(time_told((struct ovl_part)COMPUTES(1), 1, 4 * MS), (10 + 3 * 4) * MS);
    /* All end together, and the first one tells. */
    assert_int_equal(time_told((struct ovl_part)WAITS(5), 10, MS), (5 + 1) * MS);
}

/* Each idle coroutine used to look at each submit: 50,000 of them took minutes to simulate, which
 * the test's limit of time would tell. */
static void many_idle_workers_take_turns(void)
{
    enum { MANY = 50000 };
    struct ovl_costs costs = free_of_charge;
    costs.models[OVL_ASYNC].submit_ns = 1000;
    struct ovl_part part = WAITS(1);
    struct ovl_part_list task = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &task, .task_count = 1, .total = MANY, .cores = 2};
    struct ovl_plan plan = {.model = OVL_ASYNC, .workers = MANY};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.workers, MANY);
    assert_true(llabs(prediction.wall_ns - (MANY * OVL_MICROSECOND + MS)) < MS);
}

/* While the workers begin, thousands of tasks are submitted, and then done faster than more are. */
static void many_tasks_are_no_faster_than_their_submits(void)
{
    struct ovl_costs costs = free_of_charge;
    costs.models[OVL_PROCESSES] = (struct ovl_model_cost){.worker_ns = 20e6, .submit_ns = 1000};
    struct ovl_part part = {.kind = OVL_COMPUTING, .length_ns = 10};
    struct ovl_part_list task = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &task, .task_count = 1, .total = 1000000, .cores = 2};
    struct ovl_plan plan = {.model = OVL_PROCESSES, .workers = 2};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(&work, &plan, &costs, &prediction), 0);
    assert_true(prediction.wall_ns >= OVL_SECOND);
    assert_true(prediction.wall_ns < OVL_SECOND + 50 * MS);
}

static void nonsense_is_refused(void)
{
    struct ovl_part part = COMPUTES(1);
    struct ovl_part_list list = {.parts = &part, .count = 1};
    struct ovl_work work = {.tasks = &list, .task_count = 1};
    struct ovl_plan plan = {.model = OVL_THREADS};
    struct ovl_prediction prediction = {.workers = 77};
    plan.model = (enum ovl_model)OVL_MODEL_COUNT;
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), OVL_EMODEL);
    plan.model = OVL_ASYNC;
    part.length_ns = -1;
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), -EINVAL);
    part = (struct ovl_part){.kind = OVL_WAIT_COUNT};
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), -EINVAL);
    part = (struct ovl_part){.resource = 1};
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), -EINVAL);
    part = (struct ovl_part){0};
    work.task_count = 0;
    assert_int_equal(ovl_predict_best(&work, &plan, 0, &free_of_charge, &prediction), -EINVAL);
    work.task_count = 1;
    struct ovl_resource nothing = {0};
    work.resources = &nothing;
    work.resource_count = 1;
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), -EINVAL);
    assert_int_equal(prediction.workers, 77);
    work.resource_count = 0;
    list.count = 0; /* tasks of no parts take no time */
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &prediction), 0);
    assert_int_equal(prediction.wall_ns, 0);
}

/* Few tasks that differ much leave more open than many that are alike. */
static void uncertainty_shows(void)
{
    struct ovl_part alike = COMPUTES(10);
    struct ovl_part different[] = {COMPUTES(1), COMPUTES(2), COMPUTES(50), COMPUTES(7)};
    struct ovl_part_list even[4];
    struct ovl_part_list uneven[4];
    for (size_t i = 0; i < 4; i++) {
        even[i] = (struct ovl_part_list){.parts = &alike, .count = 1};
        uneven[i] = (struct ovl_part_list){.parts = &different[i], .count = 1};
    }
    struct ovl_work work = {.tasks = even, .task_count = 4, .total = 400, .cores = 2};
    struct ovl_plan plan = {.model = OVL_THREADS, .workers = 2};
    struct ovl_prediction sure;
    struct ovl_prediction unsure;
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &sure), 0);
    work.tasks = uneven;
    assert_int_equal(ovl_predict(&work, &plan, &free_of_charge, &unsure), 0);
    assert_true((double)(sure.most_ns - sure.wall_ns) < 0.06 * (double)sure.wall_ns);
    assert_true((double)(unsure.most_ns - unsure.wall_ns) > 0.3 * (double)unsure.wall_ns);
}

/* --- ledgers --- */

static void add_wait(struct ovl_ledger *ledger, ovl_time start, ovl_time computed,
                     enum ovl_wait wait, ovl_time waited)
{
    struct ovl__meter meter = {
        .record = {.start = start, .end = start + computed + waited, .cpu_ns = computed}};
    meter.record.wait_ns[wait] = waited;
    ovl__trail_add(&meter.trail, OVL_COMPUTING, computed);
    ovl__trail_add(&meter.trail, wait, waited);
    ovl__ledger_add(ledger, &meter);
}

static void add_task(struct ovl_ledger *ledger, ovl_time start, ovl_time computed, ovl_time waited)
{
    add_wait(ledger, start, computed, OVL_WAIT_NETWORK, waited);
}

static struct ovl_ledger *ledger_new(void)
{
    struct ovl_ledger *ledger = NULL;
    assert_int_equal(ovl_ledger_open(0, &ledger), 0);
    return ledger;
}

static void a_sequential_ledger_is_replayed(void)
{
    struct ovl_ledger *ledger = ledger_new();
    struct ovl_work *work = NULL;
    assert_int_equal(ovl_work_from_ledger(ledger, NULL, &work), -ENODATA);
    assert_null(work);
    for (int i = 0; i < 20; i++)
        add_task(ledger, 1 + i * 60 * MS, 10 * MS, 50 * MS);
    assert_int_equal(ovl_work_from_ledger(ledger, NULL, &work), 0);
    assert_int_equal(work->task_count, 20);
    assert_int_equal(work->total, 20);
    assert_int_equal(work->resource_count, 0);
    work->cores = 2;
    struct ovl_prediction prediction;
    struct ovl_plan plan = {.model = OVL_SYNC};
    assert_int_equal(ovl_predict(work, &plan, &free_of_charge, &prediction), 0);
    assert_int_equal(prediction.wall_ns, 20 * 60 * MS);
    plan = (struct ovl_plan){.model = OVL_ASYNC, .workers = 20};
    assert_int_equal(ovl_predict(work, &plan, &free_of_charge, &prediction), 0);
    assert_int_equal(prediction.wall_ns, (20 * 10 + 50) * MS);
    ovl_work_free(work);
    assert_int_equal(
        ovl_work_from_ledger(ledger, &(struct ovl_ledger_reading){.total = 100, .connections = 5},
                             &work),
        0);
    assert_int_equal(work->total, 100);
    assert_int_equal(work->resources[0].capacity, 5);
    ovl_work_free(work);
    ovl_work_free(NULL);
    ovl_ledger_close(ledger);
}

/* A coroutine gives way until its file is there, and has a helper see to that. */
static void files_hold_up_no_loop(void)
{
    struct ovl_ledger *ledger = ledger_new();
    for (int i = 0; i < 20; i++)
        add_wait(ledger, 1 + i * 60 * MS, 10 * MS, OVL_WAIT_DISK, 50 * MS);
    struct ovl_work *work = NULL;
    assert_int_equal(ovl_work_from_ledger(ledger, NULL, &work), 0);
    struct ovl_costs costs = free_of_charge;
    costs.models[OVL_ASYNC].disk_ns = 3 * MS;
    struct ovl_plan plan = {.model = OVL_ASYNC, .workers = 20};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(work, &plan, &costs, &prediction), 0);
    assert_int_equal(prediction.wall_ns, (20 * (10 + 3) + 50) * MS);
    ovl_work_free(work);
    ovl_ledger_close(ledger);
}

/* Computes, waits for the mutex, and then sleeps with it. */
static void add_held(struct ovl_ledger *ledger, ovl_time start, ovl_time queued, uint32_t lock)
{
    ovl_time end = start + 10 * MS + queued + 50 * MS;
    struct ovl__meter meter = {.record = {.start = start, .end = end, .cpu_ns = 10 * MS}};
    meter.record.wait_ns[OVL_WAIT_LOCK] = queued;
    meter.record.wait_ns[OVL_WAIT_SLEEP] = 50 * MS;
    ovl__trail_add(&meter.trail, OVL_COMPUTING, 9 * MS);
    ovl__trail_add(&meter.trail, OVL_WAIT_LOCK, queued);
    ovl__trail_add(&meter.trail, OVL_COMPUTING, MS);
    ovl__trail_add_held(&meter.trail, OVL_WAIT_SLEEP, 50 * MS, lock);
    ovl__ledger_add(ledger, &meter);
}

static ovl_time time_of(struct ovl_ledger *ledger, enum ovl_model model, unsigned workers)
{
    struct ovl_work *work;
    assert_int_equal(ovl_work_from_ledger(ledger, NULL, &work), 0);
    work->cores = 2;
    struct ovl_plan plan = {.model = model, .workers = workers};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(work, &plan, &free_of_charge, &prediction), 0);
    ovl_work_free(work);
    return prediction.wall_ns;
}

static void what_is_waited_for_with_a_lock_comes_one_by_one(void)
{
    enum { OWN = 0x100, OTHER = 0x200, TASKS = 20 };
    struct ovl_ledger *ledger = ledger_new();
    for (int i = 0; i < TASKS; i++)
        add_held(ledger, 1 + i * 60 * MS, 0, OWN);
    assert_int_equal(time_of(ledger, OVL_SYNC, 1), TASKS * 60 * MS);
    /* The loop computes for all of them before the second has its turn. */
    assert_int_equal(time_of(ledger, OVL_ASYNC, TASKS), (TASKS * 10 + (TASKS - 1) * 50) * MS);
    assert_in_range(time_of(ledger, OVL_THREADS, 2), TASKS * 50 * MS, TASKS * 60 * MS);
    assert_in_range(time_of(ledger, OVL_THREADS, TASKS), TASKS * 50 * MS, TASKS * 60 * MS);
    /* Processes have one each, unless they share it. */
    assert_int_equal(time_of(ledger, OVL_PROCESSES, 2), TASKS / 2 * 60 * MS);
    ovl_ledger_close(ledger);
    ledger = ledger_new();
    for (int i = 0; i < TASKS; i++)
        add_held(ledger, 1 + i * 60 * MS, 0, OWN | OVL_LOCK_SHARED);
    assert_int_equal(time_of(ledger, OVL_PROCESSES, 2), (10 + TASKS * 50) * MS);
    ovl_ledger_close(ledger);
    ledger = ledger_new();
    for (int i = 0; i < TASKS; i++)
        add_held(ledger, 1 + i * 60 * MS, 0, i % 2 ? OWN : OTHER);
    assert_in_range(time_of(ledger, OVL_ASYNC, TASKS), TASKS / 2 * 50 * MS,
                    (TASKS * 10 + TASKS / 2 * 50) * MS);
    ovl_ledger_close(ledger);
}

/* Each began at once, and waited for all before it: alone none would have. */
static void the_queue_for_a_lock_is_no_part_of_the_work(void)
{
    enum { TASKS = 20 };
    struct ovl_ledger *ledger = ledger_new();
    for (int i = 0; i < TASKS; i++)
        add_held(ledger, 1, i * 50 * MS, 0x100);
    assert_int_equal(time_of(ledger, OVL_SYNC, 1), TASKS * 60 * MS);
    assert_int_equal(time_of(ledger, OVL_ASYNC, TASKS), (TASKS * 10 + (TASKS - 1) * 50) * MS);
    ovl_ledger_close(ledger);
}

/* Waves of 1, 2, 4, ... tasks at once, before a server that takes 4: its waits give it away. */
static ovl_time time_of_sync(struct ovl_ledger *ledger, const struct ovl_costs *costs)
{
    struct ovl_work *work;
    assert_int_equal(
        ovl_work_from_ledger(ledger, &(struct ovl_ledger_reading){.costs = costs}, &work), 0);
    struct ovl_plan plan = {.model = OVL_SYNC};
    struct ovl_prediction prediction;
    assert_int_equal(ovl_predict(work, &plan, &free_of_charge, &prediction), 0);
    ovl_work_free(work);
    return prediction.wall_ns;
}

static void waking_up_is_no_part_of_the_work(void)
{
    struct ovl_ledger *ledger = ledger_new();
    for (int i = 0; i < 20; i++)
        add_task(ledger, 1 + i * 100 * MS, 6 * MS, 40 * MS);
    struct ovl_costs costs = {.parallel = 1, .cores = 2, .wake_ns = 1, .wake_network_ns = 4 * MS};
    assert_int_equal(time_of_sync(ledger, NULL), 20 * (6 + 40) * MS);
    assert_int_equal(time_of_sync(ledger, &costs), 20 * (6 - 4 + 40) * MS);
    costs.wake_network_ns = 7 * MS; /* more than there is */
    assert_int_equal(time_of_sync(ledger, &costs), 20 * 40 * MS);
    ovl_ledger_close(ledger);
    ledger = ledger_new();
    add_task(ledger, 1, 6 * MS, OVL_WAKE_AFTER / 4); /* a short wait, half as much */
    costs.wake_network_ns = 4 * MS;
    assert_int_equal(time_of_sync(ledger, &costs), (6 - 2) * MS + OVL_WAKE_AFTER / 4);
    ovl_ledger_close(ledger);
}

static void a_slow_resource_is_found(void)
{
    struct ovl_ledger *ledger = ledger_new();
    ovl_time now = 1;
    for (int wave = 1; wave <= 32; wave *= 2) {
        ovl_time wait = wave <= 4 ? 20 * MS : 20 * MS * wave / 4;
        for (int i = 0; i < wave; i++)
            add_task(ledger, now, 0, wait);
        now += wait + MS;
    }
    struct ovl_work *work;
    assert_int_equal(ovl_work_from_ledger(ledger, NULL, &work), 0);
    assert_int_equal(work->resource_count, 1);
    assert_in_range(work->resources[0].capacity, 3, 5);
    work->total = 400;
    struct ovl_prediction prediction;
    struct ovl_plan plan = {.model = OVL_ASYNC, .workers = 400};
    assert_int_equal(ovl_predict(work, &plan, &free_of_charge, &prediction), 0);
    assert_true(fabs((double)prediction.wall_ns / (double)(400 / 4 * 20 * MS) - 1) < 0.3);
    ovl_work_free(work);
    ovl_ledger_close(ledger);
}

/* --- what is kept --- */

static void costs_come_back_from_text(void)
{
    struct ovl_costs costs;
    ovl__costs_known(&costs);
    costs.models[OVL_ASYNC].task_ns = 123.456;
    costs.parallel = 0.75;
    char text[4096];
    size_t length = ovl__costs_write(&costs, text, sizeof text);
    assert_true(length > 0 && length == strlen(text));
    struct ovl_costs back = {0};
    assert_true(ovl__costs_read(text, &back));
    assert_memory_equal(&back, &costs, sizeof costs);
    for (size_t i = 0; i < length; i++) {
        char damaged[4096];
        strcpy(damaged, text);
        damaged[i] ^= 1;
        assert_false(ovl__costs_read(damaged, &back));
        strcpy(damaged, text);
        damaged[i] = '\0';
        assert_false(ovl__costs_read(damaged, &back));
    }
    assert_false(ovl__costs_read("", &back));
    assert_memory_equal(&back, &costs, sizeof costs);
    assert_int_equal(ovl__costs_write(&costs, text, 100), 0);
}

/* In a child each, for what was found once is kept in memory. */
static void in_child(void (*look)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        look();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void get_and_check(void)
{
    struct ovl_costs costs;
    ovl_costs_get(&costs);
    bool sane = costs.parallel > 0 && costs.parallel <= 1 && costs.cores >= 1;
    for (int i = 0; i < OVL_MODEL_COUNT; i++)
        sane = sane && costs.models[i].task_ns >= 0 && costs.models[i].task_ns < 1e9;
    if (sane)
        return;
    char text[4096];
    ovl__costs_write(&costs, text, sizeof text);
    fprintf(stderr, "no costs: %s\n", text);
    _exit(1);
}

static char folder[SCRATCH_BYTES];
static char file[SCRATCH_BYTES + 16];

static void write_costs_file(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static bool file_is_good(void)
{
    char text[4096] = "";
    FILE *in = fopen(file, "r");
    if (!in)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[length] = '\0';
    struct ovl_costs costs;
    return ovl__costs_read(text, &costs);
}

static void the_cache_survives_everything(void)
{
    assert_true(scratch_folder(folder, ANYWHERE));
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(file, sizeof file, "%s/overlap/costs", folder);
    in_child(get_and_check);
    assert_true(file_is_good());
    write_costs_file("not what was written");
    in_child(get_and_check);
    assert_true(file_is_good());
    write_costs_file("");
    in_child(get_and_check);
    assert_true(file_is_good());
    unlink(file);
    mkdir(file, 0700); /* a folder in its place: nothing is kept, and nothing fails */
    in_child(get_and_check);
    rmdir(file);
    char parent[SCRATCH_BYTES + 8];
    snprintf(parent, sizeof parent, "%s/overlap", folder);
    rmdir(parent);
    rmdir(folder);
    setenv("XDG_CACHE_HOME", "/proc/no/such/folder", 1);
    in_child(get_and_check);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    in_child(get_and_check);
}

/* Has numbers written with a comma; false where no such locale can be made. */
static bool write_commas(void)
{
    char place[SCRATCH_BYTES];
    char command[2 * SCRATCH_BYTES + 200];
    assert_true(scratch_folder(place, "/tmp"));
    snprintf(command, sizeof command,
             "cd '%s' && printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\ngrouping "
             "-1\\nEND LC_NUMERIC\\n' >source && localedef -c -i source ./comma >log 2>&1",
             place);
    (void)!system(command);
    setenv("LOCPATH", place, 1);
    bool set = setlocale(LC_NUMERIC, "comma");
    snprintf(command, sizeof command, "rm -r '%s'", place);
    assert_int_equal(system(command), 0);
    return set;
}

static void costs_are_the_same_text_in_every_locale(void)
{
    struct ovl_costs costs = free_of_charge;
    struct ovl_costs back;
    char plain[4096];
    char text[4096];
    costs.cores = ovl_model_default_workers(OVL_PROCESSES);
    costs.parallel = 0.5;
    assert_true(ovl__costs_write(&costs, plain, sizeof plain) > 0);
    if (!write_commas()) {
        puts("skipped: localedef makes no locale here");
        return;
    }
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
    assert_true(ovl__costs_write(&costs, text, sizeof text) > 0);
    assert_string_equal(text, plain);
    assert_true(ovl__costs_read(plain, &back));
    assert_true(back.parallel == 0.5);
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the program's locale is as it was */
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST_CASE(times_are_as_worked_out_by_hand),
        TEST_CASE(the_best_number_is_found),
        TEST_CASE(speedup_is_against_sync),
        TEST_CASE(what_a_model_costs_is_added),
        TEST_CASE(who_waits_is_woken_by_those_that_end_while_it_sleeps),
        TEST_CASE(many_tasks_are_no_faster_than_their_submits),
        TEST_CASE(tasks_are_handed_out_by_one),
        TEST_CASE(many_idle_workers_take_turns),
        TEST_CASE(nonsense_is_refused),
        TEST_CASE(uncertainty_shows),
        TEST_CASE(a_sequential_ledger_is_replayed),
        TEST_CASE(files_hold_up_no_loop),
        TEST_CASE(what_is_waited_for_with_a_lock_comes_one_by_one),
        TEST_CASE(the_queue_for_a_lock_is_no_part_of_the_work),
        TEST_CASE(waking_up_is_no_part_of_the_work),
        TEST_CASE(a_slow_resource_is_found),
        TEST_CASE(costs_come_back_from_text),
        TEST_CASE(the_cache_survives_everything),
        TEST_CASE(costs_are_the_same_text_in_every_locale),
    };
    return run_cases("predict", cases, COUNT_OF(cases), NULL) ? 1 : 0;
}
