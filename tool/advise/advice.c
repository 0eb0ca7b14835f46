#include "advise/advice.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The seeds' rules. */
#define BOUND_SHARE    0.70
#define WORTH_IT       1.3
#define SHORT_NS       (200 * OVL_MILLISECOND)
#define THREADS_MOST   32
#define ASYNC_MOST     100
#define COMPUTES_SHARE 0.15 /* of the unit's time: then a loop would be held up too long */
#define FREE_SHARE     0.70 /* of its computing is outside of the GIL: threads scale */

const char *advice_kind_name(int kind)
{
    static const char *const names[RECORD_KIND_COUNT] = {
        [RECORD_NETWORK] = "network", [RECORD_DISK] = "disk",         [RECORD_SLEEP] = "sleep",
        [RECORD_LOCK] = "lock",       [RECORD_CHILD] = "child",       [RECORD_OTHER] = "other",
        [RECORD_GIL] = "gil",         [RECORD_TERMINAL] = "terminal",
    };
    return kind >= 0 && kind < RECORD_KIND_COUNT ? names[kind] : "cpu";
}

void advice_note(struct advice *advice, const char *format, ...)
{
    if (advice->note_count == ADVICE_NOTES)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(advice->notes[advice->note_count++], ADVICE_TEXT, format, arguments);
    va_end(arguments);
}

const char *advice_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void advice_unit_name(const struct advice *advice, char *text, size_t size)
{
    const struct place *call = &advice->tree->places[advice->unit.call];
    if (advice->unit.function)
        snprintf(text, size, "%s()", advice->tree->places[advice->unit.function].function);
    else if (call->line)
        snprintf(text, size, "the loop at line %d of %s", call->line, advice_file_name(call->file));
    else
        snprintf(text, size, "a loop in %s", advice_file_name(call->file));
}

/* --- where --- */

static void add_where(struct advice *advice, uint32_t place, int kind, ovl_time time_ns,
                      ovl_time all_ns)
{
    if (time_ns <= 0)
        return;
    struct advice_where entry = {.place = place,
                                 .kind = kind,
                                 .time_ns = time_ns,
                                 .share = (double)time_ns / (double)all_ns};
    size_t n = advice->where_count;
    if (n == ADVICE_WHERE) {
        if (advice->where[--n].time_ns >= time_ns)
            return;
    } else {
        advice->where_count++;
    }
    for (; n > 0 && advice->where[n - 1].time_ns < time_ns; n--)
        advice->where[n] = advice->where[n - 1];
    advice->where[n] = entry;
}

static void find_where(struct advice *advice)
{
    ovl_time all_ns = spent_all(&advice->spent);
    for (size_t n = 0; n < advice->tree->line_count; n++) {
        const struct line_cost *line = &advice->tree->lines[n];
        add_where(advice, line->place, ADVICE_CPU, line->spent.cpu_ns, all_ns);
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            add_where(advice, line->place, kind, line->spent.wait_ns[kind], all_ns);
    }
}

/* --- bound --- */

/* Waits that other tasks could use. */
static ovl_time waits_that_matter(const struct spent *spent)
{
    return spent->wait_ns[RECORD_NETWORK] + spent->wait_ns[RECORD_DISK] +
           spent->wait_ns[RECORD_SLEEP] + spent->wait_ns[RECORD_CHILD] +
           spent->wait_ns[RECORD_OTHER];
}

static enum ovl_bound bound_of(const struct spent *spent)
{
    double waits = (double)waits_that_matter(spent);
    double cpu = (double)spent->cpu_ns;
    if (waits + cpu <= 0)
        return OVL_NEITHER_BOUND;
    if (waits >= BOUND_SHARE * (waits + cpu))
        return OVL_IO_BOUND;
    return cpu >= BOUND_SHARE * (waits + cpu) ? OVL_CPU_BOUND : OVL_MIXED_BOUND;
}

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
    ovl_time all_ns = waits_that_matter(&advice->spent);
    bool all_known = true;
    for (size_t n = 0; n < advice->tree->line_count; n++) {
        const struct line_cost *line = &advice->tree->lines[n];
        if (waits_that_matter(&line->spent) * 10 < all_ns || !advice->tree->places[line->place].own)
            continue;
        const struct replacement *found = replace_find(advice->tree, line);
        if (found)
            add_replacement(advice, found, &all_known);
        else
            all_known = false;
    }
    return all_known && advice->replace_count > 0;
}

/* What an asyncio form would import beside asyncio itself, and what it would no longer. */
static void look_at_libraries(struct advice *advice, struct forecast_setting *setting)
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

/* --- predictions --- */

static void add_prediction(struct advice *advice, const struct forecast *forecast,
                           enum ovl_model model, unsigned workers)
{
    for (size_t n = 0; n < advice->prediction_count; n++)
        if (advice->predictions[n].model == model && advice->predictions[n].workers == workers)
            return;
    if (advice->prediction_count < ADVICE_PREDICTIONS &&
        forecast_predict(forecast, model, workers,
                         &advice->predictions[advice->prediction_count]) == 0)
        advice->prediction_count++;
}

static void predict_all(struct advice *advice, const struct forecast *forecast)
{
    static const unsigned pools[] = {2, 4, 8, 16, 32};
    static const unsigned flights[] = {4, 8, 16, 32, 100};
    for (size_t n = 0; n < sizeof pools / sizeof *pools; n++)
        add_prediction(advice, forecast, OVL_THREADS, pools[n]);
    for (size_t n = 0; n < sizeof flights / sizeof *flights; n++)
        add_prediction(advice, forecast, OVL_ASYNC, flights[n]);
    for (size_t n = 0; n < sizeof pools / sizeof *pools; n++)
        add_prediction(advice, forecast, OVL_PROCESSES, pools[n]);
}

/* --- the recommendation --- */

static void stay(struct advice *advice, const char *reason)
{
    advice->model = OVL_SYNC;
    advice->workers = 1;
    advice->replace_count = 0;
    snprintf(advice->reason, sizeof advice->reason, "%s", reason);
}

/* What would hold up an event loop: children that compute do not. */
static double cpu_share(const struct spent *spent)
{
    double waits = (double)(waits_that_matter(spent) + spent->child_ns);
    double cpu = (double)(spent->cpu_ns - spent->child_ns);
    return waits + cpu > 0 ? cpu / (waits + cpu) : 0;
}

static bool computes_freely(const struct spent *spent)
{
    return (double)spent->free_ns >= FREE_SHARE * (double)spent->cpu_ns;
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
    if (has_async && cpu_share(spent) <= COMPUTES_SHARE) {
        *ret_most = ASYNC_MOST;
        return OVL_ASYNC;
    }
    *ret_most = THREADS_MOST;
    return OVL_THREADS;
}

static const char *waits_for(const struct spent *spent)
{
    static const char *const words[RECORD_KIND_COUNT] = {
        [RECORD_NETWORK] = "the network",   [RECORD_DISK] = "files",
        [RECORD_SLEEP] = "sleeps",          [RECORD_LOCK] = "locks",
        [RECORD_CHILD] = "child processes", [RECORD_OTHER] = "something else",
        [RECORD_GIL] = "the GIL",           [RECORD_TERMINAL] = "the terminal",
    };
    int most = RECORD_NETWORK;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (spent->wait_ns[kind] > spent->wait_ns[most])
            most = kind;
    return words[most];
}

static void give_reason(struct advice *advice)
{
    char unit[160];
    advice_unit_name(advice, unit, sizeof unit);
    const struct spent *spent = &advice->unit.spent;
    char *text = advice->reason;
    size_t size = sizeof advice->reason;
    unsigned long long count = advice->unit.count;
    if (advice->bound == OVL_CPU_BOUND && advice->model == OVL_THREADS && advice->python)
        snprintf(
            text, size,
            "CPU-bound, in C code that lets the GIL go: %s, %llu times; threads use all %u cores.",
            unit, count, advice->cores);
    else if (advice->bound == OVL_CPU_BOUND)
        snprintf(text, size,
                 "CPU-bound: %s computes, %llu times one after the other; only more processors "
                 "help (%u cores)%s.",
                 unit, count, advice->cores,
                 advice->python ? ", and the GIL lets threads use one" : "");
    else if (advice->model == OVL_ASYNC)
        snprintf(text, size,
                 "I/O-bound: %s waits for %s, %llu times one after the other; asyncio overlaps "
                 "these waits in one thread.",
                 unit, waits_for(spent), count);
    else
        snprintf(
            text, size,
            "%s: %s waits for %s, %llu times one after the other; threads overlap these waits%s.",
            advice->bound == OVL_IO_BOUND ? "I/O-bound" : "It waits and computes", unit,
            waits_for(spent), count,
            !advice->python ? ", and so does liboverlap's async model, with the same function"
            : cpu_share(spent) > COMPUTES_SHARE
                ? ", and what it computes would hold up an event loop"
                : "; what it waits in has no asyncio form");
}

static void add_cautions(struct advice *advice)
{
    const struct unit *unit = &advice->unit;
    const struct tree *tree = advice->tree;
    char name[160];
    advice_unit_name(advice, name, sizeof name);
    struct source_cautions cautions;
    source_cautions(unit->function ? &tree->places[unit->function] : NULL,
                    &tree->places[unit->call], &cautions);
    if (cautions.chained)
        advice_note(
            advice,
            "%s seems to be given what the call before gave back: then its calls cannot overlap.",
            name);
    if (cautions.global[0])
        advice_note(advice, "%s changes %s, which all calls share: %s.", name, cautions.global,
                    advice->model == OVL_PROCESSES
                        ? "a process of a pool changes its own copy; return the value instead"
                    : advice->model == OVL_ASYNC
                        ? "do not await between reading and writing it"
                        : "guard it with a threading.Lock, or return the value instead");
    if (unit->one_connection && unit->count > 3)
        advice_note(advice, "All calls use one connection: give each worker its own%s.",
                    advice->model == OVL_ASYNC ? ", or a pool of them"
                                               : " (threading.local, or an initializer)");
}

static void recommend(struct advice *advice, const struct forecast *forecast)
{
    unsigned most = 0;
    enum ovl_model model = choose(advice, &most);
    if (forecast_best(forecast, model, most, &advice->best) != 0) {
        stay(advice, "What it does could not be replayed.");
        return;
    }
    advice->has_best = true;
    advice->model = model;
    advice->workers = advice->best.workers;
    add_prediction(advice, forecast, model, advice->workers);
    if (advice->best.speedup < WORTH_IT) {
        char reason[ADVICE_TEXT];
        snprintf(reason, sizeof reason,
                 "Not worth it: %s with %u workers would gain %.2f times, and less than 1.3 is not "
                 "worth the change.",
                 ovl_model_name(model), advice->workers, advice->best.speedup);
        stay(advice, reason);
        return;
    }
    if (advice->model != OVL_ASYNC)
        advice->replace_count = 0;
    give_reason(advice);
    add_cautions(advice);
}

/* --- programs that are concurrent already --- */

static void stay_with(struct advice *advice, enum ovl_model model, unsigned workers)
{
    advice->model = model;
    advice->workers = workers;
    advice->replace_count = 0;
}

/* An event loop: what holds it up is what there is to say. */
static void advise_loop(struct advice *advice)
{
    const struct present *present = &advice->present;
    stay_with(advice, OVL_ASYNC, 1);
    if (present->blocking && present->blocking_ns * 10 > advice->wall_ns) {
        const struct place *place = &advice->tree->places[present->blocking];
        snprintf(advice->reason, sizeof advice->reason,
                 "The event loop is held up for %.2f s by %s() at line %d of %s, which %s (%s): "
                 "while it does, no other task gets on. %s",
                 (double)present->blocking_ns / (double)OVL_SECOND, place->function, place->line,
                 advice_file_name(place->file),
                 present->blocking_kind < 0 ? "computes" : "waits without await",
                 advice_kind_name(present->blocking_kind),
                 present->blocking_kind < 0 ? "Give it to loop.run_in_executor with a process pool."
                                            : "Await its asyncio form, or asyncio.to_thread.");
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "It is asyncio already, and nothing holds its event loop up for long.");
}

/* Threads or processes: whether there are enough of them, and whether the GIL is in the way. */
static void advise_pool(struct advice *advice, const struct forecast *forecast)
{
    const struct present *present = &advice->present;
    const char *noun = present->model == OVL_THREADS ? "threads" : "processes";
    const struct node *node = &advice->tree->nodes[advice->unit.node];
    double gil = (double)advice->spent.wait_ns[RECORD_GIL];
    double held = (double)(advice->spent.cpu_ns - advice->spent.free_ns);
    stay_with(advice, present->model, present->workers);
    if (present->model == OVL_THREADS &&
        gil > 0.2 * (gil + held + (double)waits_that_matter(&advice->spent)) &&
        forecast_best(forecast, OVL_PROCESSES, advice->cores, &advice->best) == 0 &&
        advice->best.speedup >= WORTH_IT) {
        stay_with(advice, OVL_PROCESSES, advice->best.workers);
        advice->has_best = true;
        add_prediction(advice, forecast, OVL_PROCESSES, advice->workers);
        snprintf(advice->reason, sizeof advice->reason,
                 "It has %u threads, and they wait %.2f s for the GIL: they compute in Python, one "
                 "at a time. Processes use all %u cores.",
                 present->workers, gil / (double)OVL_SECOND, advice->cores);
        return;
    }
    unsigned most = advice->bound == OVL_CPU_BOUND ? advice->cores : THREADS_MOST;
    if (forecast_best(forecast, present->model, most, &advice->best) == 0 &&
        advice->best.workers > present->workers && advice->best.speedup >= WORTH_IT) {
        stay_with(advice, present->model, advice->best.workers);
        advice->has_best = true;
        add_prediction(advice, forecast, present->model, advice->workers);
        snprintf(advice->reason, sizeof advice->reason,
                 "It has %u %s and they are too few: they wait for %s most of the time, and %u of "
                 "them would.",
                 present->workers, noun, waits_for(&advice->spent), advice->workers);
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "It has %u %s already, and more of them, or another model, would not gain 1.3 times.",
             present->workers, noun);
    if (present->model == OVL_PROCESSES &&
        (double)node->wall_ns < 0.5 * present->workers * (double)advice->wall_ns)
        advice_note(
            advice,
            "The processes compute for a small part of the time: starting them, and handing over "
            "items and results (pickling), takes the rest. Give each more at once (chunksize).");
}

/* --- programs that compute, and are not Python's --- */

/* Where they do is not sampled; that they do is known of any program, one linked statically too.
 * What such a one waits for is not: all that it does not compute may be. */
static bool only_computes(const struct advice *advice, bool seen_inside)
{
    double cpu = (double)advice->cpu_ns;
    double all =
        seen_inside ? cpu + (double)waits_that_matter(&advice->spent) : (double)advice->wall_ns;
    return !advice->python && !advice->unit.node && advice->present.model == OVL_SYNC &&
           advice->cpu_ns >= SHORT_NS && cpu >= BOUND_SHARE * all;
}

static void advise_computing(struct advice *advice)
{
    double used = (double)advice->cpu_ns / (double)advice->wall_ns;
    advice->bound = OVL_CPU_BOUND;
    if (used >= WORTH_IT || advice->cores < 2) {
        char reason[ADVICE_TEXT];
        snprintf(reason, sizeof reason,
                 "CPU-bound: it computes on %.1f processors at a time, and there are %u.", used,
                 advice->cores);
        stay(advice, reason);
        return;
    }
    advice->model = OVL_THREADS;
    advice->workers = advice->cores;
    snprintf(advice->reason, sizeof advice->reason,
             "CPU-bound: it computes for %.2f s on one processor. If that falls into parts that do "
             "not need each other, threads use all %u (ovl_map, ovl_fork_join). Which lines "
             "compute is not seen of programs that are not Python's: perf record tells.",
             (double)advice->cpu_ns / (double)OVL_SECOND, advice->cores);
}

/* --- all of it --- */

static unsigned cores_to_use(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static bool is_python(const struct observation *observed)
{
    for (size_t n = 0; n < observed->process_count; n++)
        if (observed->processes[n]->was_python)
            return true;
    return false;
}

/* A program that is not Python's, most of whose time is in places without a line. */
static bool lacks_lines(const struct advice *advice)
{
    const struct place *top =
        advice->where_count ? &advice->tree->places[advice->where[0].place] : NULL;
    return top && !advice->python && top->line == 0 && top->file[0] == '/';
}

static void note_what_was_not_seen(struct advice *advice, const struct observation *observed)
{
    if (observed->folder[0] && !observed->process_count)
        advice_note(advice,
                    "Nothing could be seen inside of the program: it is linked statically, or runs "
                    "with other "
                    "rights (setuid), or there is no room in /dev/shm and /tmp. What is told here "
                    "is its time and its processor time alone.");
    if (observed->sampling_refused)
        advice_note(
            advice,
            "The program's memory may not be read here (no permission: a container, or "
            "kernel.yama.ptrace_scope): its waits are known, the lines that compute are not.");
    if (lacks_lines(advice))
        advice_note(advice, "The program has no debug information: build it with -g to see lines.");
    if (observed->python_unknown)
        advice_note(
            advice,
            "This version of Python is not known: waits are measured, the lines where they are not "
            "(3.8 to 3.13 are known).");
    if (observed->waits_lost)
        advice_note(
            advice,
            "%llu waits came too fast to be taken down one by one: they are in the sums alone.",
            (unsigned long long)observed->waits_lost);
}

void advice_make(struct advice *advice, const struct observation *observed, ovl_time wall_ns,
                 ovl_time cpu_ns)
{
    *advice = (struct advice){.tree = &observed->tree,
                              .wall_ns = wall_ns,
                              .cpu_ns = cpu_ns >= 0 ? cpu_ns : observed->spent.cpu_ns,
                              .spent = observed->spent,
                              .idle_ns = observed->idle_ns,
                              .threads = &observed->threads,
                              .python = is_python(observed),
                              .cores = cores_to_use()};
    present_find(observed, &advice->present);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        advice->spent.wait_ns[kind] += observed->short_ns[kind];
    find_where(advice);
    unit_find(advice->tree, advice->cores, &advice->unit);
    advice->bound = advice->unit.node                   ? bound_of(&advice->unit.spent)
                    : advice->present.model != OVL_SYNC ? bound_of(&advice->spent)
                                                        : OVL_NEITHER_BOUND;
    struct forecast forecast;
    struct forecast_setting setting = {.wall_ns = wall_ns,
                                       .cores = advice->cores,
                                       .python = advice->python,
                                       .present = advice->present.model};
    look_at_libraries(advice, &setting);
    bool known = forecast_init(&forecast, advice->tree, &advice->unit, &setting) == 0;
    if (known)
        predict_all(advice, &forecast);
    if (only_computes(advice, observed->process_count > 0)) {
        advise_computing(advice);
    } else if (advice->present.model == OVL_ASYNC) {
        advise_loop(advice);
    } else if (known && advice->present.model != OVL_SYNC) {
        advise_pool(advice, &forecast);
    } else if (!known) {
        stay(advice, "Nothing is done over and over that could overlap.");
    } else {
        recommend(advice, &forecast);
    }
    if (known)
        forecast_release(&forecast);
    if (wall_ns < SHORT_NS && advice->model != OVL_SYNC && advice->present.model == OVL_SYNC)
        stay(advice, "Not worth it: the program is over in less than 0.2 s.");
    note_what_was_not_seen(advice, observed);
}
