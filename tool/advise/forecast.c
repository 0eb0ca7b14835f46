#include "advise/forecast.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a task: get the GIL again, compute, wait for each kind, and for syncs, compute in
 * these and without the GIL, compute. */
#define PARTS (RECORD_KIND_COUNT + 7)

/* The first of them: after each of its waits, and in threads alone. set_gil_again says how long. */
#define GIL_AGAIN 0

/* What is more than this was no processor lost. */
#define STRETCH_MOST 4.0

/* Where a large library has been imported, most of what those modules import is there already. */
#define SHARED_IMPORT 0.35

/* An asyncio library: an HTTP client, a driver. */
#define LIBRARY_IMPORT_NS (90 * OVL_MILLISECOND)

/* After each wait, a thread has to get the GIL again, and often a processor: while it is on its
 * way, no other has the GIL. */
#define GIL_AGAIN_NS (80 * OVL_MICROSECOND)

/* How many waits for files overlap: short ones are a disk's own, which does one after the other;
 * those that are longer than a disk takes are for something behind it. */
#define DISK_AT_ONCE    1
#define STORAGE_AT_ONCE 8
#define STORAGE_NS      (3 * OVL_MILLISECOND)

/* Of what was not counted. */
#define MANY_PARTS 64

/* As the library's predictor has it: fewer workers are preferred where they are nearly as good. */
#define NEARLY       1.03
#define NUMBERS_MOST 32

/* The work's resources, by number. */
#define RESOURCE_GIL  1
#define RESOURCE_DISK 2
#define RESOURCE_CORES                                                                             \
    3                   /* of children that compute: whoever waits for them waits for processors   \
                         */
#define RESOURCE_SYNC 4 /* what several may do at once, each by so much slower */
#define RESOURCES     4

static enum ovl_wait wait_of(int kind)
{
    switch ((enum record_kind)kind) {
    case RECORD_NETWORK:
        return OVL_WAIT_NETWORK;
    case RECORD_DISK:
        return OVL_WAIT_DISK;
    case RECORD_SLEEP:
        return OVL_WAIT_SLEEP;
    case RECORD_LOCK:
    case RECORD_GIL:
        return OVL_WAIT_LOCK;
    case RECORD_CHILD:
        return OVL_WAIT_CHILD;
    default:
        return OVL_WAIT_OTHER;
    }
}

static size_t add_part(struct ovl_part *parts, size_t count, double length_ns, int kind,
                       unsigned resource)
{
    if (length_ns < 1)
        return count;
    parts[count] = (struct ovl_part){.length_ns = (ovl_time)length_ns,
                                     .kind = kind,
                                     .resource = resource,
                                     .blocks = kind == OVL_WAIT_DISK || kind == OVL_WAIT_LOCK};
    return count + 1;
}

/*
 * Of one task. What of its computing came before the waits, and what after, is not kept: half is
 * taken for each. A task that computed and lost its processor to another program meanwhile is taken
 * to need what it took; where there are several workers it lost it to these.
 */
static size_t make_parts(const struct instance *instance, double scale,
                         const struct forecast_setting *setting, struct ovl_part *parts)
{
    const struct spent *spent = &instance->spent;
    double lost_ns = (double)(instance->wall_ns - spent_all(spent));
    ovl_time own_ns = spent->cpu_ns - spent->child_ns;
    bool lost = setting->present == OVL_SYNC && !setting->undisturbed && own_ns > 0 && lost_ns > 0;
    double stretch = lost ? 1 + lost_ns / (double)own_ns : 1;
    if (stretch > STRETCH_MOST)
        stretch = STRETCH_MOST;
    double held_ns =
        scale * stretch * (double)(spent->cpu_ns - spent->free_ns - spent->sync_cpu_ns);
    unsigned gil = setting->python ? RESOURCE_GIL : 0;
    parts[GIL_AGAIN] = (struct ovl_part){.kind = OVL_COMPUTING, .resource = gil};
    size_t count = add_part(parts, GIL_AGAIN + 1, held_ns / 2, OVL_COMPUTING, gil);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (kind != RECORD_GIL && kind != RECORD_LOCK)
            count = add_part(
                parts, count,
                scale * (double)(spent->wait_ns[kind] - (kind == RECORD_DISK ? spent->sync_ns : 0)),
                wait_of(kind), kind == RECORD_DISK ? RESOURCE_DISK : 0);
    count = add_part(parts, count, scale * (double)spent->sync_ns, OVL_WAIT_DISK,
                     setting->disk.known ? RESOURCE_SYNC : RESOURCE_DISK);
    count = add_part(parts, count, scale * (double)spent->sync_cpu_ns, OVL_COMPUTING,
                     setting->disk.known ? 0 : RESOURCE_DISK);
    count = add_part(parts, count, scale * (double)spent->child_ns, OVL_WAIT_CHILD, RESOURCE_CORES);
    count = add_part(parts, count, scale * stretch * (double)(spent->free_ns - spent->child_ns),
                     OVL_COMPUTING, 0);
    count = add_part(parts, count, held_ns / 2, OVL_COMPUTING, gil);
    return count > GIL_AGAIN + 1 ? count : 0;
}

/* Of the single ones that are known, each may stand for several that were too short to be seen. */
static double scale_of(const struct node *node)
{
    double known = 0;
    for (size_t n = 0; n < node->instance_count; n++)
        known += (double)node->instances[n].wall_ns;
    double mean = known / (double)node->instance_count;
    double real = (double)node->wall_ns / (double)node->count;
    return mean > 0 ? real / mean : 1;
}

static void set_gil_again(const struct forecast *forecast, enum ovl_model model)
{
    bool has = forecast->setting.python && model == OVL_THREADS;
    ovl_time again_ns = has ? (ovl_time)(forecast->waits_each * (double)GIL_AGAIN_NS) : 0;
    for (size_t n = 0; n < forecast->count; n++)
        forecast->parts[n * PARTS + GIL_AGAIN].length_ns = again_ns;
}

static int make_tasks(struct forecast *forecast, const struct node *node)
{
    forecast->tasks = calloc(node->instance_count, sizeof *forecast->tasks);
    forecast->parts = calloc(node->instance_count * PARTS, sizeof *forecast->parts);
    forecast->alone = calloc(node->instance_count * PARTS, sizeof *forecast->alone);
    if (!forecast->tasks || !forecast->parts || !forecast->alone)
        return -ENOMEM;
    double scale = scale_of(node);
    for (size_t n = 0; n < node->instance_count; n++) {
        struct ovl_part *parts = &forecast->parts[forecast->count * PARTS];
        size_t count = make_parts(&node->instances[n], scale, &forecast->setting, parts);
        if (count)
            forecast->tasks[forecast->count++] =
                (struct ovl_part_list){.parts = parts, .count = count};
    }
    memcpy(forecast->alone, forecast->parts, forecast->count * PARTS * sizeof *forecast->parts);
    return forecast->count ? 0 : -ENODATA;
}

static unsigned disk_capacity(const struct spent *spent)
{
    bool long_waits =
        spent->waits && spent->wait_ns[RECORD_DISK] / (ovl_time)spent->waits >= STORAGE_NS;
    return long_waits ? STORAGE_AT_ONCE : DISK_AT_ONCE;
}

int forecast_init(struct forecast *forecast, const struct tree *tree, const struct unit *unit,
                  const struct forecast_setting *setting)
{
    *forecast =
        (struct forecast){.setting = *setting, .groups = unit->groups, .costs = setting->costs};
    if (!unit->node || !tree->nodes[unit->node].instance_count)
        return -ENODATA;
    int error = make_tasks(forecast, &tree->nodes[unit->node]);
    if (error) {
        forecast_release(forecast);
        return error;
    }
    forecast->costs.cores = setting->cores;
    for (int model = 0; model < OVL_MODEL_COUNT && setting->large_library; model++)
        forecast->costs.models[model].open_ns *= SHARED_IMPORT;
    if (!setting->python)
        ovl_costs_get(&forecast->costs);
    forecast->resources[RESOURCE_GIL - 1] =
        (struct ovl_resource){.capacity = 1, .per_process = true};
    forecast->resources[RESOURCE_DISK - 1] =
        (struct ovl_resource){.capacity = disk_capacity(&unit->spent)};
    forecast->resources[RESOURCE_CORES - 1] = (struct ovl_resource){.capacity = setting->cores};
    forecast->resources[RESOURCE_SYNC - 1] = (struct ovl_resource){.capacity = UINT_MAX};
    if (setting->disk.known && unit->spent.sync_ns > 0)
        forecast->syncs = (struct forecast_syncs){
            .wait_ns = (double)unit->spent.sync_ns,
            .cpu_ns = (double)unit->spent.sync_cpu_ns,
            .count = tree->nodes[unit->node].syncs ? tree->nodes[unit->node].syncs : unit->count,
            .share = (double)spent_syncs(&unit->spent) / (double)spent_all(&unit->spent),
        };
    forecast->work = (struct ovl_work){
        .tasks = forecast->tasks,
        .task_count = forecast->count,
        .total = (size_t)((unit->count + unit->groups - 1) / unit->groups),
        .resources = forecast->resources,
        .resource_count = RESOURCES,
        .cores = setting->cores,
    };
    /* Syncs that are too short to be seen one by one let the GIL go all the same. */
    double waits = fmax((double)unit->spent.waits, (double)tree->nodes[unit->node].syncs);
    forecast->waits_each = waits / (double)unit->count;
    ovl_time inside_ns =
        setting->undisturbed ? spent_all(&unit->spent) : tree->nodes[unit->node].wall_ns;
    if (setting->present != OVL_SYNC) {
        inside_ns = unit->last_ns - unit->first_ns;
        forecast->costs.models[setting->present].open_ns = 0;
    }
    forecast->outside_ns = setting->wall_ns > inside_ns ? setting->wall_ns - inside_ns : 0;
    return 0;
}

int forecast_init_computing(struct forecast *forecast, ovl_time cpu_ns,
                            const struct forecast_setting *setting)
{
    *forecast = (struct forecast){.setting = *setting, .groups = 1};
    forecast->tasks = calloc(1, sizeof *forecast->tasks);
    forecast->parts = calloc(2, sizeof *forecast->parts);
    if (!forecast->tasks || !forecast->parts) {
        forecast_release(forecast);
        return -ENOMEM;
    }
    forecast->parts[GIL_AGAIN] = (struct ovl_part){.kind = OVL_COMPUTING};
    forecast->parts[1] = (struct ovl_part){.length_ns = cpu_ns / MANY_PARTS, .kind = OVL_COMPUTING};
    forecast->tasks[0] = (struct ovl_part_list){.parts = forecast->parts, .count = 2};
    forecast->count = 1;
    ovl_costs_get(&forecast->costs);
    forecast->costs.cores = setting->cores;
    forecast->work = (struct ovl_work){
        .tasks = forecast->tasks, .task_count = 1, .total = MANY_PARTS, .cores = setting->cores};
    forecast->outside_ns = setting->wall_ns > cpu_ns ? setting->wall_ns - cpu_ns : 0;
    return 0;
}

void forecast_release(struct forecast *forecast)
{
    free(forecast->tasks);
    free(forecast->parts);
    free(forecast->alone);
    *forecast = (struct forecast){.count = 0};
}

static struct ovl_plan plan_of(const struct forecast *forecast, enum ovl_model model,
                               unsigned workers)
{
    struct ovl_plan plan = {.model = model, .workers = workers};
    if (forecast->setting.new_library && model == OVL_ASYNC)
        plan.more_open_ns = LIBRARY_IMPORT_NS;
    if (forecast->setting.drops_library && model == OVL_ASYNC)
        plan.more_open_ns -= LIBRARY_IMPORT_NS;
    return plan;
}

/* A model is opened once, however many loops there are one after the other. */
static void make_whole(const struct forecast *forecast, ovl_time was_ns,
                       struct ovl_prediction *prediction)
{
    ovl_time once_ns = (ovl_time)forecast->costs.models[prediction->model].open_ns;
    ovl_time groups = (ovl_time)forecast->groups;
    ovl_time saved_ns = (groups - 1) * once_ns;
    prediction->wall_ns = forecast->outside_ns + groups * prediction->wall_ns - saved_ns;
    prediction->least_ns = forecast->outside_ns + groups * prediction->least_ns - saved_ns;
    prediction->most_ns = forecast->outside_ns + groups * prediction->most_ns - saved_ns;
    double was = (double)was_ns;
    prediction->speedup = was / (double)prediction->wall_ns;
    prediction->speedup_least = was / (double)prediction->most_ns;
    prediction->speedup_most = was / (double)prediction->least_ns;
}

/*
 * A sync takes what it takes beside those of the others: only processes and threads have any. And
 * the disk is as slow as `alone_ns`. What is computed in it needs a processor, and does not grow.
 */
static void stretch_syncs(const struct forecast *forecast, const struct ovl_plan *plan,
                          double alone_ns)
{
    const struct forecast_syncs *syncs = &forecast->syncs;
    bool several = plan->model == OVL_THREADS || plan->model == OVL_PROCESSES;
    double at_once = 1 + ((several ? plan->workers : 1) - 1) * syncs->share;
    double takes_ns = alone_ns * disk_stretch(&forecast->setting.disk, alone_ns, at_once);
    double wait_ns = fmax((double)syncs->count * takes_ns - syncs->cpu_ns, 0);
    for (size_t n = 0; n < forecast->count * PARTS; n++)
        if (forecast->alone[n].resource == RESOURCE_SYNC)
            forecast->parts[n].length_ns =
                (ovl_time)(wait_ns / syncs->wait_ns * (double)forecast->alone[n].length_ns);
}

/* With the disk as slow as that; and the run as it was would have taken more, or less, with it. */
static int predict_with_disk(const struct forecast *forecast, const struct ovl_plan *plan,
                             double alone_ns, struct ovl_prediction *ret)
{
    const struct forecast_syncs *syncs = &forecast->syncs;
    double more_ns = (double)syncs->count * alone_ns - syncs->wait_ns - syncs->cpu_ns;
    stretch_syncs(forecast, plan, alone_ns);
    int error = ovl_predict(&forecast->work, plan, &forecast->costs, ret);
    if (!error)
        make_whole(forecast, forecast->setting.wall_ns + (ovl_time)more_ns, ret);
    return error;
}

static void widen(struct ovl_prediction *prediction, const struct ovl_prediction *other)
{
    if (other->least_ns < prediction->least_ns)
        prediction->least_ns = other->least_ns;
    if (other->most_ns > prediction->most_ns)
        prediction->most_ns = other->most_ns;
    prediction->speedup_least = fmin(prediction->speedup_least, other->speedup_least);
    prediction->speedup_most = fmax(prediction->speedup_most, other->speedup_most);
}

/* As slow as the disk was in this run; and what it gains at the disk's quickest and its slowest. */
static int predict_syncs(const struct forecast *forecast, const struct ovl_plan *plan,
                         struct ovl_prediction *ret)
{
    const struct forecast_syncs *syncs = &forecast->syncs;
    double alone_ns = (syncs->wait_ns + syncs->cpu_ns) / (double)syncs->count;
    const double others_ns[] = {fmin(forecast->setting.disk.each_ns[0], alone_ns),
                                fmax(forecast->setting.disk.most_ns, alone_ns)};
    int error = predict_with_disk(forecast, plan, alone_ns, ret);
    for (size_t n = 0; !error && n < sizeof others_ns / sizeof *others_ns; n++) {
        struct ovl_prediction other;
        error = predict_with_disk(forecast, plan, others_ns[n], &other);
        if (!error)
            widen(ret, &other);
    }
    return error;
}

int forecast_predict(const struct forecast *forecast, enum ovl_model model, unsigned workers,
                     struct ovl_prediction *ret)
{
    struct ovl_plan plan = plan_of(forecast, model, workers);
    set_gil_again(forecast, model);
    if (forecast->syncs.count)
        return predict_syncs(forecast, &plan, ret);
    int error = ovl_predict(&forecast->work, &plan, &forecast->costs, ret);
    if (!error)
        make_whole(forecast, forecast->setting.wall_ns, ret);
    return error;
}

/* Where a task takes longer the more of them there are, each number is another question. */
static int best_of_each(const struct forecast *forecast, enum ovl_model model, unsigned most,
                        struct ovl_prediction *ret)
{
    struct ovl_prediction tried[NUMBERS_MOST] = {{.workers = 0}};
    size_t count = 0;
    double least = INFINITY;
    if (most > forecast->work.total)
        most = (unsigned)forecast->work.total;
    for (unsigned workers = 1; workers <= most && count < NUMBERS_MOST;
         workers += workers < 4 ? 1 : workers / 2) {
        int error = forecast_predict(forecast, model, workers, &tried[count]);
        if (error)
            return error;
        least = fmin(least, (double)tried[count++].wall_ns);
    }
    while (count-- > 0)
        if ((double)tried[count].wall_ns <= NEARLY * least)
            *ret = tried[count];
    return 0;
}

int forecast_best(const struct forecast *forecast, enum ovl_model model, unsigned most,
                  struct ovl_prediction *ret)
{
    struct ovl_plan plan = plan_of(forecast, model, 0);
    if (forecast->syncs.count)
        return best_of_each(forecast, model, most, ret);
    set_gil_again(forecast, model);
    int error = ovl_predict_best(&forecast->work, &plan, most, &forecast->costs, ret);
    if (!error)
        make_whole(forecast, forecast->setting.wall_ns, ret);
    return error;
}
