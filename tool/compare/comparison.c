#include "compare/comparison.h"

#include <stdio.h>

void comparison_init(struct comparison *comparison, const struct program *program,
                     const struct models *models, unsigned workers)
{
    *comparison = (struct comparison){
        .program = *program,
        .count = program->count > 0 ? models->count : 0,
    };
    for (size_t n = 0; n < comparison->count; n++) {
        comparison->measures[n].model = models->list[n];
        comparison->measures[n].workers = models_workers(models->list[n], program, workers);
    }
}

static const struct measure_view *find_sync(const struct comparison_view *view)
{
    for (size_t n = 0; n < view->count; n++)
        if (view->measures[n].model == OVL_SYNC && view->measures[n].complete)
            return &view->measures[n];
    return NULL;
}

static void set_speedups(struct comparison_view *view)
{
    const struct measure_view *sync = find_sync(view);
    for (size_t n = 0; n < view->count; n++) {
        const struct measure_view *measure = &view->measures[n];
        if (sync && measure->complete && measure->wall_ns > 0)
            view->speedups[n] = (double)sync->wall_ns / (double)measure->wall_ns;
    }
}

/* What is left of sync's time beside computing and waiting: others had the processors. */
static ovl_time find_starved(const struct comparison_view *view)
{
    const struct measure_view *sync = find_sync(view);
    if (!sync)
        return 0;
    ovl_time rest = sync->sum.wall_ns - sync->sum.cpu_ns - sync->sum.unseen_ns;
    for (int n = 0; n < OVL_WAIT_COUNT; n++)
        rest -= sync->sum.wait_ns[n];
    return rest > 0 ? rest : 0;
}

/*
 * By sync's ledger, where tasks do not hinder each other: for a lock they wait there as for
 * anything else, such as a thread of their own. Otherwise by the first there is.
 */
static enum ovl_bound find_bound(const struct comparison_view *view)
{
    const struct measure_view *sync = find_sync(view);
    if (sync) {
        struct ovl_ledger_sum sum = sync->sum;
        sum.wait_ns[OVL_WAIT_OTHER] += sum.wait_ns[OVL_WAIT_LOCK];
        sum.wait_ns[OVL_WAIT_LOCK] = 0;
        return ovl_ledger_bound(&sum);
    }
    for (size_t n = 0; n < view->count; n++)
        if (view->measures[n].sum.tasks > 0)
            return ovl_ledger_bound(&view->measures[n].sum);
    return OVL_NEITHER_BOUND;
}

static void set_verdict(struct comparison_view *view)
{
    struct ovl_measure measures[MODELS_MOST];
    size_t count = 0;
    for (size_t n = 0; n < view->count; n++) {
        const struct measure_view *measure = &view->measures[n];
        if (measure->complete && measure->model < OVL_MODEL_COUNT)
            measures[count++] = (struct ovl_measure){
                .model = measure->model,
                .workers = measure->workers,
                .wall_ns = measure->wall_ns,
            };
    }
    enum ovl_bound bound = find_bound(view);
    view->decided = ovl_verdict(bound, measures, count, &view->verdict) == 0;
    if (view->decided && (count > 1 || view->count == 1))
        return;
    if (!view->decided)
        view->verdict = (struct ovl_verdict){.bound = bound};
    snprintf(view->verdict.reason, sizeof view->verdict.reason, "%s",
             view->decided              ? "no complete run of threads, async or processes"
             : view->program->count > 0 ? "no complete run of sync to measure the others against"
                                        : "nothing was asked for");
}

/* auto is to come out as the best of what it makes its workers of: the caller, threads, coroutines.
 */
static ovl_time predict_auto(const struct ovl_work *work)
{
    static const struct {
        enum ovl_model model;
        unsigned most;
    } kinds[] = {{OVL_SYNC, 1}, {OVL_THREADS, 64}, {OVL_ASYNC, 0}};
    ovl_time least = 0;
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        struct ovl_plan plan = {.model = kinds[n].model};
        struct ovl_prediction prediction;
        if (ovl_predict_best(work, &plan, kinds[n].most, NULL, &prediction))
            return 0;
        if (!least || prediction.wall_ns < least)
            least = prediction.wall_ns;
    }
    return least;
}

static ovl_time predict(const struct ovl_work *work, const struct measure *measure)
{
    if (measure->model == OVL_AUTO)
        return predict_auto(work);
    struct ovl_plan plan = {.model = measure->model, .workers = measure->workers};
    struct ovl_prediction prediction;
    return ovl_predict(work, &plan, NULL, &prediction) ? 0 : prediction.wall_ns;
}

void comparison_predict(struct comparison *comparison)
{
    struct ovl_work *work = NULL;
    for (size_t n = 0; n < comparison->count; n++)
        if (comparison->measures[n].work)
            work = comparison->measures[n].work;
    for (size_t n = 0; work && n < comparison->count; n++)
        if (comparison->measures[n].model != OVL_SYNC)
            comparison->measures[n].predicted_ns = predict(work, &comparison->measures[n]);
}

void comparison_look(const struct comparison *comparison, struct comparison_view *ret_view)
{
    *ret_view = (struct comparison_view){
        .program = &comparison->program,
        .count = comparison->count,
    };
    for (size_t n = 0; n < comparison->count; n++)
        ret_view->measures[n] = measure_look(&comparison->measures[n], &comparison->program);
    set_speedups(ret_view);
    set_verdict(ret_view);
    ret_view->starved_ns = find_starved(ret_view);
}
