#include "advise/sequential.h"

#include "advise/rules.h"

#include <stdio.h>
#include <string.h>

#define ASYNC_MOST     100
#define COMPUTES_SHARE 0.15 /* of the unit's time: then a loop would be held up too long */
#define ONE_FILE_SHARE 0.05 /* of the unit's time */
#define FREE_SHARE     0.70 /* of its computing is outside of the GIL: threads scale */
#define FAR_BETTER     1.5
#define SWINGS         1.5 /* a disk: its slowest against its quickest */

/* --- replacements --- */

static void add_replacement(struct advice *advice, const struct replacement *found, bool *all_known)
{
    if (!found->to) {
        *all_known = false;
        return;
    }
    for (size_t n = 0; n < advice->replace_count; n++)
        if (strcmp(advice->replace[n].from, found->from) == 0)
            return;
    if (advice->replace_count < ADVICE_REPLACE)
        advice->replace[advice->replace_count++] = *found;
}

/*
 * Whether all that the program waits for has an asyncio form, and which. Lines that wait for less
 * than a tenth of the whole do not decide.
 */
static bool find_replacements(struct advice *advice)
{
    ovl_time all_ns = rules_waits_that_matter(&advice->spent);
    bool all_known = true;
    for (size_t n = 0; n < advice->tree->line_count; n++) {
        const struct line_cost *line = &advice->tree->lines[n];
        if (rules_waits_that_matter(&line->spent) * 10 < all_ns ||
            !advice->tree->places[line->place].own)
            continue;
        const struct replacement *found = replace_find(advice->tree, line);
        if (found)
            add_replacement(advice, found, &all_known);
        else
            all_known = false;
    }
    return all_known && advice->replace_count > 0;
}

/* Who accepts connections does not open them. */
static void replace_accepting(struct advice *advice)
{
    for (size_t n = 0; n < advice->replace_count; n++)
        if (strcmp(advice->replace[n].to, "asyncio.open_connection") == 0)
            advice->replace[n].to = "asyncio.start_server";
}

void sequential_libraries(struct advice *advice, struct forecast_setting *setting)
{
    if (!advice->python)
        return;
    find_replacements(advice);
    for (size_t n = 0; n < advice->replace_count; n++) {
        setting->new_library |= strncmp(advice->replace[n].to, "asyncio.", 8) != 0;
        setting->drops_library |= strcmp(advice->replace[n].from, "requests") == 0;
    }
    setting->large_library = setting->drops_library;
}

/* --- the recommendation --- */

/* What the system computes in a sync is free of the GIL, too: it is not among free_ns, since the
 * disk takes it one after the other. */
static bool computes_freely(const struct spent *spent)
{
    ovl_time free_ns = spent->free_ns + spent->sync_cpu_ns;
    return (double)free_ns >= FREE_SHARE * (double)spent->cpu_ns;
}

/* Which model the rules take, and how many of it at most. */
static enum ovl_model choose(struct advice *advice, unsigned *ret_most)
{
    const struct spent *spent = &advice->unit.spent;
    bool has_async = advice->python && find_replacements(advice);
    if (advice->bound == OVL_CPU_BOUND) {
        *ret_most = advice->cores;
        return !advice->python || computes_freely(spent) ? OVL_THREADS : OVL_PROCESSES;
    }
    if (has_async && !advice->unit.server && rules_cpu_share(spent) <= COMPUTES_SHARE) {
        if (advice->accepts)
            replace_accepting(advice);
        *ret_most = ASYNC_MOST;
        return OVL_ASYNC;
    }
    *ret_most = RULES_THREADS_MOST;
    return OVL_THREADS;
}

/* `too_short` for asyncio. */
static void give_reason(struct advice *advice, bool too_short)
{
    char unit[160];
    advice_unit_name(advice, unit, sizeof unit);
    const struct spent *spent = &advice->unit.spent;
    char *text = advice->reason;
    size_t size = sizeof advice->reason;
    char times[32];
    advice_unit_times(advice, times, sizeof times);
    if (advice->bound == OVL_CPU_BOUND && advice->model == OVL_THREADS && advice->python)
        snprintf(text, size,
                 "CPU-bound, in C code that lets the GIL go: %s, %s; threads use all %u cores.",
                 unit, times, advice->cores);
    else if (advice->bound == OVL_CPU_BOUND)
        snprintf(text, size,
                 "CPU-bound: %s computes, %s one after the other; only more processors "
                 "help (%u cores)%s.",
                 unit, times, advice->cores,
                 advice->python ? ", and the GIL lets threads use one" : "");
    else if (advice->model == OVL_ASYNC)
        snprintf(text, size,
                 "I/O-bound: %s waits for %s, %s one after the other; asyncio overlaps "
                 "these waits in one thread.",
                 unit, rules_waits_for(spent), times);
    else if (advice->unit.server)
        snprintf(text, size,
                 "%s() answers one request after the other, %s, and waits for %s meanwhile; a "
                 "server with a thread for each overlaps these waits.",
                 advice->tree->places[advice->unit.function].function, times,
                 rules_waits_for(spent));
    else
        snprintf(text, size,
                 "%s: %s waits for %s, %s one after the other; threads overlap these waits%s.",
                 advice->bound == OVL_IO_BOUND ? "I/O-bound" : "It waits and computes", unit,
                 rules_waits_for(spent), times,
                 !advice->python ? ", and so does liboverlap's async model, with the same function"
                 : too_short
                     ? ", and asyncio would gain less than 1.3 times, since its libraries have to "
                       "be loaded first"
                 : rules_cpu_share(spent) > COMPUTES_SHARE
                     ? ", and what it computes would hold up an event loop"
                     : "; what it waits in has no asyncio form");
}

static bool is_in_while(const struct advice *advice)
{
    const struct place *call = &advice->tree->places[advice->unit.call];
    const struct node *node = &advice->tree->nodes[advice->unit.node];
    return advice->call.line && node->kind == NODE_CALL &&
           source_is_while(call->file,
                           source_loop(call->file, call->first_line, advice->call.line));
}

static void add_cautions(struct advice *advice)
{
    const struct unit *unit = &advice->unit;
    const struct tree *tree = advice->tree;
    char name[160];
    advice_unit_name(advice, name, sizeof name);
    struct source_cautions cautions;
    bool own = unit->function && tree->places[unit->function].own; /* a library guards its own */
    source_cautions(own ? &tree->places[unit->function] : NULL, &tree->places[unit->call],
                    &cautions);
    if (cautions.chained)
        advice_note(
            advice,
            "%s seems to be given what the call before gave back: then its calls cannot overlap.",
            name);
    else if (is_in_while(advice) && !advice->accepts)
        advice_note(advice,
                    "%s is called in a `while` loop: where a turn needs what the one before it "
                    "found, its calls cannot overlap.",
                    name);
    if (cautions.global[0])
        advice_note(advice, "%s changes %s, which all calls share: %s.", name, cautions.global,
                    advice->model == OVL_PROCESSES
                        ? "a process of a pool changes its own copy; return the value instead"
                    : advice->model == OVL_ASYNC
                        ? "do not await between reading and writing it"
                        : "guard it with a threading.Lock, or return the value instead");
    if (unit->server || advice->accepts)
        advice_note(advice, "It gains that only as far as requests come at the same time.");
    if (unit->uncounted)
        advice_note(
            advice,
            "How often it is done is not known: most of it was over before it was looked at. To "
            "hand over one at a time may cost more than it takes: give each worker many at once%s.",
            advice->model == OVL_PROCESSES ? " (map's chunksize=1000)" : "");
    if (unit->one_connection && unit->count > 3)
        advice_note(advice, "All calls use one connection: give each worker its own%s.",
                    advice->model == OVL_ASYNC ? ", or a pool of them"
                                               : " (threading.local, or an initializer)");
}

/* How long the disk takes is what it gains, and a disk that others use takes now this, now that. */
static void add_swing(struct advice *advice, const struct disk *disk)
{
    double least_ns = disk->each_ns[0];
    if (disk->known && disk->most_ns > SWINGS * least_ns)
        advice_note(
            advice,
            "For what must be on the disk, this one took between %.2f and %.2f ms as it was "
            "tried after the end: what is gained swings with it.",
            least_ns / OVL_MILLISECOND, disk->most_ns / OVL_MILLISECOND);
}

/* What is told lies in a range, and the reader is to know when that reaches below what is worth it.
 */
static void add_doubt(struct advice *advice)
{
    if (advice->best.speedup_least < RULES_WORTH_IT)
        advice_note(
            advice,
            "It may not be worth it: it may also be only %.1f times as fast, and less than 1.3 is "
            "not worth the change.",
            advice->best.speedup_least);
}

/* Whoever makes sure of a file waits for the others that do: a database's commits, a log. */
static bool waits_for_one_file(const struct advice *advice)
{
    const struct unit *unit = &advice->unit;
    return unit->one_file &&
           (double)spent_syncs(&unit->spent) >= ONE_FILE_SHARE * (double)spent_all(&unit->spent);
}

static void stay_with_one_file(struct advice *advice)
{
    char reason[ADVICE_TEXT];
    char name[160];
    advice_unit_name(advice, name, sizeof name);
    snprintf(reason, sizeof reason,
             "Each time, %s waits until the same file is on the disk (a commit, an fsync), and "
             "there several would wait for each other. Put many into one transaction, or write "
             "many and make sure of them once: that saves the waits.",
             name);
    rules_stay(advice, reason);
    advice->waits_too_often = true;
}

/*
 * What asyncio's libraries take to load may be most of a short program: then threads gain more, and
 * that is said; where asyncio gains next to nothing, they are advised. Returns whether they are.
 */
static bool threads_instead(struct advice *advice, const struct forecast *forecast)
{
    struct ovl_prediction threads;
    if (forecast_best(forecast, OVL_THREADS, RULES_THREADS_MOST, &threads) != 0 ||
        threads.speedup < RULES_WORTH_IT || threads.speedup < FAR_BETTER * advice->best.speedup)
        return false;
    rules_predict(advice, forecast, OVL_THREADS, threads.workers);
    if (advice->best.speedup < RULES_WORTH_IT) {
        advice->best = threads;
        return true;
    }
    advice_note(advice,
                "As short as it is, %u threads would gain more (%.1f times): asyncio's "
                "libraries have to be loaded first.",
                threads.workers, threads.speedup);
    return false;
}

void sequential_advise(struct advice *advice, const struct forecast *forecast)
{
    if (waits_for_one_file(advice)) {
        stay_with_one_file(advice);
        return;
    }
    unsigned most = 0;
    enum ovl_model model = choose(advice, &most);
    if (forecast_best(forecast, model, most, &advice->best) != 0) {
        rules_stay(advice, "What it does could not be replayed.");
        return;
    }
    advice->has_best = true;
    bool too_short = model == OVL_ASYNC && threads_instead(advice, forecast);
    advice->model = advice->best.model;
    advice->workers = advice->best.workers;
    rules_predict(advice, forecast, advice->model, advice->workers);
    if (advice->best.speedup < RULES_WORTH_IT) {
        char reason[ADVICE_TEXT];
        snprintf(
            reason, sizeof reason,
            "Not worth it: %s, %u at once, would gain %.2f times, and less than 1.3 is not worth "
            "the change.",
            advice_model_words(advice, advice->model), advice->workers, advice->best.speedup);
        rules_stay(advice, reason);
        return;
    }
    if (advice->model != OVL_ASYNC)
        advice->replace_count = 0;
    give_reason(advice, too_short);
    add_doubt(advice);
    add_cautions(advice);
    add_swing(advice, &forecast->setting.disk);
}
