#include <errno.h>
#include <overlap/verdict.h>
#include <stdbool.h>
#include <stdio.h>

/* Below this gain concurrency is not worth its trouble. */
#define WORTH_IT 1.3

/* A model must be this much faster to be preferred to one that is simpler for such work. */
#define FASTER 1.10

/* From this share on, one side is what the work is bound by. */
#define BOUND_SHARE 0.7

static const char *const bound_names[] = {
    [OVL_IO_BOUND] = "io",
    [OVL_CPU_BOUND] = "cpu",
    [OVL_MIXED_BOUND] = "mixed",
    [OVL_NEITHER_BOUND] = "neither",
};

const char *ovl_bound_name(enum ovl_bound bound)
{
    return (unsigned)bound <= OVL_NEITHER_BOUND ? bound_names[bound] : NULL;
}

enum ovl_bound ovl_ledger_bound(const struct ovl_ledger_sum *sum)
{
    ovl_time waits = sum->unseen_ns;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        if (i != OVL_WAIT_LOCK)
            waits += sum->wait_ns[i];
    double total = (double)waits + (double)sum->cpu_ns;
    if (total <= 0)
        return OVL_NEITHER_BOUND;
    if ((double)waits >= BOUND_SHARE * total)
        return OVL_IO_BOUND;
    if ((double)sum->cpu_ns >= BOUND_SHARE * total)
        return OVL_CPU_BOUND;
    return OVL_MIXED_BOUND;
}

/* Ends a list of models. */
#define NO_MODEL OVL_SYNC

/*
 * The models in the order in which they are preferred for work that is bound so. Where it computes,
 * one loop is no faster than sync: what was measured to be is what others left of the processors.
 */
static const enum ovl_model *preference(enum ovl_bound bound)
{
    static const enum ovl_model waits[] = {OVL_ASYNC, OVL_THREADS, OVL_PROCESSES, NO_MODEL};
    static const enum ovl_model computes[] = {OVL_THREADS, OVL_PROCESSES, NO_MODEL};
    static const enum ovl_model mixed[] = {OVL_THREADS, OVL_PROCESSES, OVL_ASYNC, NO_MODEL};
    return bound == OVL_IO_BOUND ? waits : bound == OVL_CPU_BOUND ? computes : mixed;
}

static const struct ovl_measure *find(enum ovl_model model, const struct ovl_measure *measures,
                                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (measures[i].model == model)
            return &measures[i];
    return NULL;
}

static const struct ovl_measure *best(enum ovl_bound bound, const struct ovl_measure *measures,
                                      size_t count)
{
    const struct ovl_measure *winner = NULL;
    for (const enum ovl_model *model = preference(bound); *model != NO_MODEL; model++) {
        const struct ovl_measure *next = find(*model, measures, count);
        if (next && (!winner || (double)winner->wall_ns > FASTER * (double)next->wall_ns))
            winner = next;
    }
    return winner;
}

static const char *reason_for(enum ovl_bound bound, enum ovl_model model)
{
    if (bound == OVL_IO_BOUND && model == OVL_ASYNC)
        return "I/O-bound: the tasks wait, and coroutines overlap all of the waits in one thread";
    if (bound == OVL_IO_BOUND)
        return "I/O-bound: the tasks wait, and workers that wait at the same time overlap it";
    if (bound == OVL_CPU_BOUND)
        return "CPU-bound: the tasks compute, and only more processors help; async cannot";
    if (model == OVL_ASYNC)
        return "mixed: the tasks both wait and compute, and coroutines overlap the waits";
    return "mixed: the tasks both wait and compute, which takes workers on several processors";
}

int ovl_verdict(enum ovl_bound bound, const struct ovl_measure *measures, size_t count,
                struct ovl_verdict *ret_verdict)
{
    const struct ovl_measure *sync = find(OVL_SYNC, measures, count);
    if (!sync)
        return -EINVAL;
    const struct ovl_measure *winner = best(bound, measures, count);
    double speedup =
        winner && winner->wall_ns > 0 ? (double)sync->wall_ns / (double)winner->wall_ns : 1.0;
    bool worth_it = winner && speedup >= WORTH_IT;
    struct ovl_verdict verdict = {
        .bound = bound,
        .model = worth_it ? winner->model : OVL_SYNC,
        .workers = worth_it ? winner->workers : 1,
        .speedup = worth_it ? speedup : 1.0,
    };
    if (worth_it)
        snprintf(verdict.reason, sizeof verdict.reason, "%s", reason_for(bound, winner->model));
    else if (winner && speedup < 1)
        snprintf(verdict.reason, sizeof verdict.reason, "not worth it: %s takes %.*f times as long",
                 ovl_model_name(winner->model),
                 speedup > 0.5   ? 2
                 : speedup > 0.1 ? 1
                                 : 0,
                 1 / speedup);
    else if (winner)
        snprintf(verdict.reason, sizeof verdict.reason,
                 "not worth it: the best other model is %.2f times as fast, below %.1f", speedup,
                 WORTH_IT);
    else
        snprintf(verdict.reason, sizeof verdict.reason, "no other model was measured");
    *ret_verdict = verdict;
    return 0;
}
