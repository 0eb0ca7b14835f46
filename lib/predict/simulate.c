#include "predict/simulate.h"

#include "base/memory.h"
#include "predict/heap.h"

#include <errno.h>
#include <math.h>

#define NOBODY ((unsigned)-1)

/* Of shorter tasks a worker has the next ones before it has ended the first. */
#define HANDED_ONE_BY_ONE (50.0 * OVL_MICROSECOND)

/* Where a worker is in its task: what it does when its turn comes. */
enum stage {
    BEGINNING, /* the worker itself */
    TAKING,    /* the next task */
    ENTERING,  /* the next part: it may need a resource */
    SWITCHING, /* has the resource; a wait costs something before it begins */
    PASSING,   /* through the part itself */
};

struct worker {
    enum stage stage;
    const struct ovl_part_list *task;
    double began; /* the task */
    size_t part;
    unsigned holds; /* a resource's number, from 1; 0: none */
    unsigned next;  /* in the queue that it stands in */
    double length;  /* of what it asks the loop for */
};

struct queue {
    unsigned first;
    unsigned last;
};

struct resource {
    unsigned free;
    struct queue queue;
};

struct simulation {
    const struct ovl__run *run;
    struct ovl_model_cost cost;
    double now;
    struct worker *workers;
    unsigned count;
    struct resource *resources;
    double opened;  /* when the first task can be submitted */
    double handing; /* until when who hands tasks out is busy with others */
    double told;    /* until when who waits for results is awake */
    size_t taken;
    unsigned awaiting; /* the one who takes the next task once it is submitted */
    struct queue idle; /* those behind it */
    uint64_t random;
    struct ovl__heap timers;
    /* Processors that are shared: a clock that goes slower the more share them. */
    struct ovl__heap sharing; /* of its times */
    double shared_clock;
    /* The loop: one at a time. */
    bool one_loop;
    unsigned in_loop;
    bool continued; /* who had the loop goes on in it */
    struct queue loop_queue;
    double cpu;
};

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.first = NOBODY, .last = NOBODY};
}

static void enqueue(struct simulation *sim, struct queue *queue, unsigned who)
{
    sim->workers[who].next = NOBODY;
    if (queue->first == NOBODY)
        queue->first = who;
    else
        sim->workers[queue->last].next = who;
    queue->last = who;
}

static unsigned dequeue(struct simulation *sim, struct queue *queue)
{
    unsigned who = queue->first;
    if (who != NOBODY)
        queue->first = sim->workers[who].next;
    return who;
}

/* --- processors --- */

/* How fast each of those that share the processors goes on. */
static double share(const struct simulation *sim)
{
    double sharers = (double)sim->sharing.count;
    double cores = sim->run->work->cores;
    double used = fmin(sharers, cores);
    if (used <= 1)
        return 1;
    double slowed = (1 - sim->run->costs->parallel) * (used - 1) / (cores - 1);
    return used * (1 - slowed) / sharers;
}

static void pass_time(struct simulation *sim, double until)
{
    if (sim->sharing.count)
        sim->shared_clock += (until - sim->now) * share(sim);
    sim->now = until;
}

static void begin_in_loop(struct simulation *sim, unsigned who)
{
    sim->in_loop = who;
    ovl__heap_put(&sim->timers, sim->now + sim->workers[who].length, who);
}

/* Has the worker go on after so much time that it needs its thread for. */
static void occupy(struct simulation *sim, unsigned who, double length, bool computes)
{
    sim->cpu += computes ? length : 0;
    if (!sim->one_loop) {
        if (computes)
            ovl__heap_put(&sim->sharing, sim->shared_clock + length, who);
        else
            ovl__heap_put(&sim->timers, sim->now + length, who);
        return;
    }
    sim->workers[who].length = length;
    if (sim->in_loop == who)
        sim->continued = true;
    if (sim->in_loop == NOBODY || sim->in_loop == who)
        begin_in_loop(sim, who);
    else
        enqueue(sim, &sim->loop_queue, who);
}

/* The worker whose turn it was gives the loop to the next. */
static void give_loop(struct simulation *sim)
{
    sim->in_loop = NOBODY;
    unsigned next = dequeue(sim, &sim->loop_queue);
    if (next != NOBODY)
        begin_in_loop(sim, next);
}

/* --- resources --- */

static bool limits(const struct simulation *sim, unsigned number)
{
    const struct ovl_resource *resource = &sim->run->work->resources[number - 1];
    return !(resource->per_process && sim->run->plan->model == OVL_PROCESSES);
}

/* False where it must wait for it, and is given it later. */
static bool acquire(struct simulation *sim, unsigned who, unsigned number)
{
    struct worker *worker = &sim->workers[who];
    if (!number || worker->holds == number || !limits(sim, number))
        return true;
    struct resource *resource = &sim->resources[number - 1];
    worker->holds = number;
    if (resource->free) {
        resource->free--;
        return true;
    }
    enqueue(sim, &resource->queue, who);
    return false;
}

static void go_on(struct simulation *sim, unsigned who);

static void give_back(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    if (!worker->holds)
        return;
    struct resource *resource = &sim->resources[worker->holds - 1];
    worker->holds = 0;
    unsigned next = dequeue(sim, &resource->queue);
    if (next == NOBODY)
        resource->free++;
    else
        ovl__heap_put(&sim->timers, sim->now, next);
}

/* --- workers --- */

/* xorshift64*: evenness is all that is needed. */
static uint64_t draw(struct simulation *sim)
{
    sim->random ^= sim->random >> 12;
    sim->random ^= sim->random << 25;
    sim->random ^= sim->random >> 27;
    return sim->random * 0x2545f4914f6cdd1d;
}

static const struct ovl_part_list *next_task(struct simulation *sim)
{
    const struct ovl_work *work = sim->run->work;
    size_t n = sim->taken++;
    if (sim->run->seed)
        n = (size_t)(draw(sim) >> 11);
    return &work->tasks[n % work->task_count];
}

static void begin(struct simulation *sim, unsigned who)
{
    sim->workers[who].stage = TAKING;
    occupy(sim, who, (double)sim->run->plan->more_worker_ns, true);
}

static double next_submit(const struct simulation *sim)
{
    return sim->opened + sim->cost.submit_ns * (double)(sim->taken + 1);
}

/* One waits for the time, the others for their turn: of thousands each would look at each submit.
 */
static void await_submit(struct simulation *sim, unsigned who)
{
    if (sim->awaiting != NOBODY && sim->awaiting != who) {
        enqueue(sim, &sim->idle, who);
        return;
    }
    sim->awaiting = who;
    ovl__heap_put(&sim->timers, next_submit(sim), who);
}

static void call_next_idle(struct simulation *sim)
{
    sim->awaiting = dequeue(sim, &sim->idle);
    if (sim->awaiting != NOBODY)
        ovl__heap_put(&sim->timers, fmax(next_submit(sim), sim->now), sim->awaiting);
}

/* A task cannot begin before it was submitted. */
static void take(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    if (sim->taken == sim->run->total)
        return;
    if (next_submit(sim) > sim->now) {
        await_submit(sim, who);
        return;
    }
    worker->task = next_task(sim);
    if (sim->awaiting == who)
        call_next_idle(sim);
    worker->began = sim->now;
    worker->part = 0;
    worker->stage = ENTERING;
    occupy(sim, who, sim->cost.task_ns + (double)sim->run->plan->more_task_ns, true);
}

static bool computes(const struct ovl_part *part)
{
    return part->kind == OVL_COMPUTING;
}

static bool holds_up(const struct ovl_part *part)
{
    return part->blocks || part->kind == OVL_UNSEEN;
}

/* The worker wakes whoever takes its result, where nobody did a moment ago. */
static void tell(struct simulation *sim, unsigned who)
{
    if (sim->cost.tell_ns > 0 && sim->now >= sim->told) {
        sim->told = sim->now + 2 * sim->cost.tell_ns;
        occupy(sim, who, sim->cost.tell_ns, true);
    } else {
        go_on(sim, who);
    }
}

/* The worker waits for whoever takes its result and gives it the next task, if that is to be. */
static void end_task(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    give_back(sim, who);
    worker->stage = TAKING;
    if (!(sim->cost.hand_ns > 0) || sim->now - worker->began <= HANDED_ONE_BY_ONE) {
        tell(sim, who);
        return;
    }
    sim->handing = fmax(sim->handing, sim->now) + sim->cost.hand_ns;
    ovl__heap_put(&sim->timers, sim->handing, who);
}

static void enter(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    if (worker->part == worker->task->count) {
        end_task(sim, who);
        return;
    }
    const struct ovl_part *part = &worker->task->parts[worker->part];
    if (worker->holds && worker->holds != part->resource)
        give_back(sim, who);
    worker->stage = SWITCHING;
    if (acquire(sim, who, part->resource))
        go_on(sim, who);
}

static double way_to_wait(const struct simulation *sim, const struct ovl_part *part)
{
    return sim->cost.wait_ns + (part->kind == OVL_WAIT_DISK ? sim->cost.disk_ns : 0);
}

static void switch_over(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    const struct ovl_part *part = &worker->task->parts[worker->part];
    worker->stage = PASSING;
    if (computes(part) || part->kind == OVL_READY)
        go_on(sim, who);
    else
        occupy(sim, who, way_to_wait(sim, part), true);
}

static void pass(struct simulation *sim, unsigned who)
{
    struct worker *worker = &sim->workers[who];
    const struct ovl_part *part = &worker->task->parts[worker->part];
    worker->part++;
    worker->stage = ENTERING;
    double length = (double)part->length_ns;
    if (part->kind == OVL_READY)
        go_on(sim, who);
    else if (computes(part) || (sim->one_loop && holds_up(part)))
        occupy(sim, who, length, computes(part));
    else
        ovl__heap_put(&sim->timers, sim->now + length, who);
}

static void go_on(struct simulation *sim, unsigned who)
{
    switch (sim->workers[who].stage) {
    case BEGINNING:
        begin(sim, who);
        break;
    case TAKING:
        take(sim, who);
        break;
    case ENTERING:
        enter(sim, who);
        break;
    case SWITCHING:
        switch_over(sim, who);
        break;
    case PASSING:
        pass(sim, who);
        break;
    }
}

/* --- the clock --- */

/* False where nothing happens any more. */
static bool step(struct simulation *sim)
{
    double timer = 0;
    double shared = 0;
    bool has_timer = ovl__heap_peek(&sim->timers, &timer);
    bool has_shared = ovl__heap_peek(&sim->sharing, &shared);
    if (has_shared) {
        double ends = sim->now + fmax(shared - sim->shared_clock, 0) / share(sim);
        if (!has_timer || ends <= timer) {
            pass_time(sim, ends);
            unsigned who = ovl__heap_take(&sim->sharing);
            go_on(sim, who);
            return true;
        }
    }
    if (!has_timer)
        return false;
    pass_time(sim, fmax(timer, sim->now));
    unsigned who = ovl__heap_take(&sim->timers);
    bool had_loop = sim->in_loop == who;
    sim->continued = false;
    go_on(sim, who);
    if (had_loop && !sim->continued)
        give_loop(sim);
    return true;
}

static void start(struct simulation *sim)
{
    const struct ovl__run *run = sim->run;
    double open = sim->cost.open_ns / 2 + (double)run->plan->more_open_ns;
    /* Threads all begin, whatever there is to do, before the executor is open. */
    sim->opened = sim->cost.open_ns / 2;
    if (run->plan->model == OVL_THREADS)
        sim->opened += sim->cost.worker_ns * run->plan->workers;
    for (size_t i = 0; i < run->work->resource_count; i++) {
        sim->resources[i].free = run->work->resources[i].capacity;
        queue_init(&sim->resources[i].queue);
    }
    queue_init(&sim->loop_queue);
    sim->in_loop = NOBODY;
    queue_init(&sim->idle);
    sim->awaiting = NOBODY;
    for (unsigned i = 0; i < sim->count; i++) {
        sim->workers[i] = (struct worker){.stage = BEGINNING};
        ovl__heap_put(&sim->timers, open + sim->cost.worker_ns * (i + 1), i);
    }
    sim->cpu = sim->cost.open_ns + sim->cost.worker_ns * sim->count +
               sim->cost.submit_ns * (double)run->total;
}

static void *zeroed(size_t count, size_t size)
{
    return ovl__zalloc((count ? count : 1) * size);
}

/* How many compute at once, whoever submits among them: the loop is one, and that is another. */
static double processors_of(const struct simulation *sim)
{
    unsigned cores = sim->run->work->cores;
    return sim->one_loop && cores > 2 ? 2 : cores;
}

int ovl__simulate(const struct ovl__run *run, struct ovl__run_time *ret)
{
    unsigned count = run->plan->workers < run->total ? run->plan->workers : (unsigned)run->total;
    struct simulation sim = {
        .run = run,
        .cost = run->costs->models[run->plan->model],
        .count = count,
        .one_loop = run->plan->model == OVL_ASYNC,
        .random = run->seed ? run->seed : 1,
        .workers = zeroed(count, sizeof *sim.workers),
        .resources = zeroed(run->work->resource_count, sizeof *sim.resources),
        .timers = {.entries = zeroed(count, sizeof(struct ovl__heap_entry))},
        .sharing = {.entries = zeroed(count, sizeof(struct ovl__heap_entry))},
    };
    bool memory = sim.workers && sim.resources && sim.timers.entries && sim.sharing.entries;
    if (memory) {
        start(&sim);
        while (step(&sim))
            ;
        double least = run->plan->model == OVL_SYNC ? 0 : sim.cpu / processors_of(&sim);
        ret->wall = fmax(sim.now, least) + sim.cost.open_ns / 2;
        ret->cpu = sim.cpu;
    }
    free(sim.workers);
    free(sim.resources);
    free(sim.timers.entries);
    free(sim.sharing.entries);
    return memory ? 0 : -ENOMEM;
}
