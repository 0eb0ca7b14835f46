#include "advise/computing.h"

#include "advise/rules.h"

#include <stdio.h>

/* Of all computing, what is worth the change at least; and of a loop's, what one function does for
 * it to be named. */
#define HOT_SHARE    0.6
#define CALLEE_SHARE 0.5

static const struct hot_spot *spot_of(const struct advice *advice, const struct hot *hot)
{
    return hot->cpu_ns > 0 ? hot_find(hot, advice->tree, HOT_SHARE) : NULL;
}

/* What interprets a script is not to be changed by who wrote that; a program whose lines are known
 * may be, also where a shell runs it. */
static bool is_to_be_changed(const struct advice *advice, const struct hot *hot)
{
    if (advice->script_kind == SCRIPT_NONE)
        return true;
    const struct hot_spot *spot = advice->script_kind == SCRIPT_SHELL ? spot_of(advice, hot) : NULL;
    return spot && advice->tree->places[spot->place].line > 0;
}

/* What a program linked statically waits for is not known: all that it does not compute may be
 * that. */
bool computing_is(const struct advice *advice, const struct hot *hot, bool seen_inside)
{
    double cpu = (double)advice->cpu_ns;
    double all = seen_inside ? cpu + (double)rules_waits_that_matter(&advice->spent)
                             : (double)advice->wall_ns;
    return !advice->python && !advice->unit.node && advice->present.model == OVL_SYNC &&
           advice->cpu_ns >= RULES_SHORT_NS && cpu >= RULES_BOUND_SHARE * all &&
           is_to_be_changed(advice, hot);
}

/* A loop of turns whose number nobody counted, or a function. */
static void set_unit(struct advice *advice, const struct hot *hot, const struct hot_spot *spot)
{
    bool calls = (double)spot->callee_ns >= CALLEE_SHARE * (double)spot->cpu_ns;
    double share = (double)spot->cpu_ns / (double)hot->cpu_ns;
    advice->unit = (struct unit){
        .call = spot->place,
        .function = !spot->loop ? spot->place
                    : calls     ? spot->callee
                                : 0,
        .share = share,
        .spent = {.cpu_ns = (ovl_time)(share * (double)advice->cpu_ns)},
    };
}

/* While it was ready and others had the processors, it needed one: that is shared as well. */
static ovl_time time_in_unit(const struct advice *advice)
{
    ovl_time needed_ns = advice->cpu_ns + advice->delay_ns;
    if (needed_ns > advice->wall_ns)
        needed_ns = advice->wall_ns;
    return (ovl_time)(advice->unit.share * (double)needed_ns);
}

static void predict(struct advice *advice)
{
    static const unsigned pools[] = {2, 4, 8, 16, 32};
    struct forecast forecast;
    struct forecast_setting setting = {.wall_ns = advice->wall_ns, .cores = advice->cores};
    if (forecast_init_computing(&forecast, time_in_unit(advice), &setting) != 0)
        return;
    advice->has_best = forecast_best(&forecast, OVL_THREADS, advice->cores, &advice->best) == 0;
    for (int model = OVL_THREADS; model <= OVL_PROCESSES; model++)
        for (size_t n = 0; n < sizeof pools / sizeof *pools && model != OVL_ASYNC; n++)
            rules_predict(advice, &forecast, (enum ovl_model)model, pools[n]);
    if (advice->has_best)
        rules_predict(advice, &forecast, OVL_THREADS, advice->best.workers);
    forecast_release(&forecast);
}

static void say_where(const struct advice *advice, const struct hot_spot *spot, char *text,
                      size_t size)
{
    const struct tree *tree = advice->tree;
    const struct place *place = &tree->places[spot->place];
    const char *file = advice_file_name(place->file);
    if (!spot->loop)
        snprintf(text, size, "%s%s%s, in no loop that can be seen from outside",
                 advice_is_named(place) ? place->function : "",
                 advice_is_named(place) ? "() of " : "", file);
    else if (advice->unit.function)
        snprintf(text, size, "the loop at line %d of %s, which calls %s()", place->line, file,
                 tree->places[advice->unit.function].function);
    else
        snprintf(text, size, "the loop at line %d of %s, in %s()", place->line, file,
                 place->function);
}

static void advise_spot(struct advice *advice, const struct hot_spot *spot)
{
    char where[200];
    say_where(advice, spot, where, sizeof where);
    if (advice->has_best && advice->best.speedup < RULES_WORTH_IT) {
        snprintf(advice->reason, sizeof advice->reason,
                 "Not worth it: threads would gain %.2f times.", advice->best.speedup);
        rules_stay_with(advice, OVL_SYNC, 1);
        return;
    }
    snprintf(
        advice->reason, sizeof advice->reason,
        "CPU-bound: %.0f%% of it is in %.180s. If its %s do not need each other, threads use all "
        "%u cores: run them by ovl_map under OVL_THREADS.",
        100 * advice->unit.share, where, spot->loop ? "turns" : "parts", advice->cores);
    advice_note(advice,
                "How many %s there are is not counted where a program computes: what is "
                "predicted supposes many of one length.",
                spot->loop ? "turns" : "parts");
}

void computing_advise(struct advice *advice, const struct hot *hot)
{
    double used = (double)advice->cpu_ns / (double)advice->wall_ns;
    const struct hot_spot *spot = spot_of(advice, hot);
    advice->bound = OVL_CPU_BOUND;
    if (spot)
        set_unit(advice, hot, spot);
    if (used >= RULES_WORTH_IT || advice->cores < 2) {
        char reason[ADVICE_TEXT];
        snprintf(reason, sizeof reason,
                 "CPU-bound: it computes on %.1f processors at a time, and there are %u.", used,
                 advice->cores);
        rules_stay(advice, reason);
        return;
    }
    rules_stay_with(advice, OVL_THREADS, advice->cores);
    if (spot) {
        predict(advice);
        advise_spot(advice, spot);
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "CPU-bound: it computes for %.2f s on one processor, %s. If that falls into parts "
             "that do not need each other, threads use all %u cores (ovl_map, ovl_fork_join).",
             (double)advice->cpu_ns / (double)OVL_SECOND,
             hot->cpu_ns > 0 ? "in no one loop or function" : "and where could not be seen",
             advice->cores);
}
