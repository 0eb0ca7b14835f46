#include "advise/advice.h"

#include "advise/computing.h"
#include "advise/concurrent.h"
#include "advise/costs.h"
#include "advise/launchers.h"
#include "advise/notes.h"
#include "advise/rules.h"
#include "advise/sequential.h"

#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *advice_kind_name(int kind)
{
    static const char *const names[RECORD_KIND_COUNT] = {
        [RECORD_NETWORK] = "network", [RECORD_DISK] = "disk",         [RECORD_SLEEP] = "sleep",
        [RECORD_LOCK] = "lock",       [RECORD_CHILD] = "child",       [RECORD_OTHER] = "other",
        [RECORD_GIL] = "gil",         [RECORD_TERMINAL] = "terminal",
    };
    return kind >= 0 && kind < RECORD_KIND_COUNT ? names[kind] : "cpu";
}

const char *advice_model_words(const struct advice *advice, enum ovl_model model)
{
    if (!advice->python)
        return ovl_model_name(model);
    switch (model) {
    case OVL_THREADS:
        return "threads";
    case OVL_ASYNC:
        return "asyncio";
    case OVL_PROCESSES:
        return "processes";
    default:
        return "as it is";
    }
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

bool advice_is_named(const struct place *place)
{
    return strcmp(place->function, "?") != 0;
}

bool advice_unit_is_own(const struct advice *advice)
{
    return advice->unit.function && advice->tree->places[advice->unit.function].own;
}

void advice_unit_name(const struct advice *advice, char *text, size_t size)
{
    const struct place *call = &advice->tree->places[advice->unit.call];
    const struct place *function = &advice->tree->places[advice->unit.function];
    if (advice->unit.function && !advice_is_named(function))
        snprintf(text, size, "a part of %s", advice_file_name(function->file));
    else if (advice->unit.function && !function->own && advice->call.line)
        snprintf(text, size, "%s(), called at line %d of %s,", function->function,
                 advice->call.line, advice_file_name(call->file));
    else if (advice->unit.function)
        snprintf(text, size, "%s()", function->function);
    else if (call->line)
        snprintf(text, size, "the loop at line %d of %s", call->line, advice_file_name(call->file));
    else
        snprintf(text, size, "a loop in %s", advice_file_name(call->file));
}

void advice_unit_times(const struct advice *advice, char *text, size_t size)
{
    if (advice->unit.uncounted)
        snprintf(text, size, "over and over");
    else
        snprintf(text, size, "%s%" PRIu64 " times", advice->unit.at_least ? "at least " : "",
                 advice->unit.count);
}

const char *advice_stay_words(const struct advice *advice)
{
    bool neither = !advice->unit.node && advice->bound == OVL_NEITHER_BOUND;
    if (advice->waits_too_often)
        return "Wait less often.";
    if (neither && advice->script_kind == SCRIPT_SHELL)
        return "Run at once what needs nothing of the rest.";
    if ((neither && advice->script_kind == SCRIPT_LANGUAGE) ||
        (!advice->unit.node && advice->unseen))
        return "That cannot be seen from here.";
    return "Leave it as it is.";
}

/* --- where --- */

/* The user's lines are so much of all: then what was in none of them is left out. */
#define OWN_SHARE 0.1

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

/* A line that both computes and waits is as hot as the two together: its entries follow each other.
 */
static int by_line(const void *left, const void *right)
{
    const struct advice_where *a = left;
    const struct advice_where *b = right;
    if (a->line_ns != b->line_ns)
        return a->line_ns > b->line_ns ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->time_ns > b->time_ns ? -1 : a->time_ns < b->time_ns;
}

static bool is_of_a_library(const struct place *place)
{
    size_t length = strlen(place->file);
    bool python = place->file[0] == '<' || (length > 3 && !strcmp(place->file + length - 3, ".py"));
    return python && !place->own;
}

/* Python's start and its end are in no line of the user's, and in a short program, which is hardly
 * looked at, one of theirs may seem to be the most of it. */
static bool has_lines_of_its_own(const struct advice *advice, ovl_time all_ns)
{
    ovl_time own_ns = 0;
    for (size_t n = 0; n < advice->tree->line_count; n++)
        if (advice->tree->places[advice->tree->lines[n].place].own)
            own_ns += spent_all(&advice->tree->lines[n].spent);
    return advice->python && (double)own_ns >= OWN_SHARE * (double)all_ns;
}

static void find_where(struct advice *advice)
{
    ovl_time all_ns = spent_all(&advice->spent);
    bool own_lines = has_lines_of_its_own(advice, all_ns);
    for (size_t n = 0; n < advice->tree->line_count; n++) {
        const struct line_cost *line = &advice->tree->lines[n];
        if (own_lines && is_of_a_library(&advice->tree->places[line->place]))
            continue;
        add_where(advice, line->place, ADVICE_CPU, line->spent.cpu_ns, all_ns);
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            add_where(advice, line->place, kind, line->spent.wait_ns[kind], all_ns);
    }
    for (size_t n = 0; n < advice->where_count; n++) {
        struct advice_where *where = &advice->where[n];
        const struct place *place = &advice->tree->places[where->place];
        if (place->own)
            where->loop_line = source_loop(place->file, place->first_line, place->line);
        for (size_t i = 0; i < advice->where_count; i++)
            where->line_ns += advice->where[i].place == where->place ? advice->where[i].time_ns : 0;
    }
    qsort(advice->where, advice->where_count, sizeof *advice->where, by_line);
}

/* --- predictions --- */

static void predict_all(struct advice *advice, const struct forecast *forecast)
{
    static const unsigned pools[] = {2, 4, 8, 16, 32};
    static const unsigned flights[] = {4, 8, 16, 32, 100};
    for (size_t n = 0; n < sizeof pools / sizeof *pools; n++)
        rules_predict(advice, forecast, OVL_THREADS, pools[n]);
    for (size_t n = 0; n < sizeof flights / sizeof *flights; n++)
        rules_predict(advice, forecast, OVL_ASYNC, flights[n]);
    for (size_t n = 0; n < sizeof pools / sizeof *pools; n++)
        rules_predict(advice, forecast, OVL_PROCESSES, pools[n]);
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
        if (observed->processes[n]->was_python && !observed->processes[n]->launcher)
            return true;
    return false;
}

/* That of the program itself. One that runs already may be another user's, and is not run here. */
static const char *interpreter_of(const struct observation *observed)
{
    return observed->folder.path[0] && observed->interpreter[0] ? observed->interpreter : NULL;
}

#define SYNC_SHARE 10 /* of the unit's time, this part at least is worth a look at the disk */

static void advise_paced(struct advice *advice)
{
    char reason[ADVICE_TEXT];
    snprintf(reason, sizeof reason,
             "For %.2f s it waits for who gives it its input or takes its output, at a terminal "
             "or the other end of a pipe: that sets its pace.",
             (double)advice->spent.wait_ns[RECORD_TERMINAL] / (double)OVL_SECOND);
    advice->bound = OVL_NEITHER_BOUND;
    rules_stay(advice, reason);
}

/* What can be said without a line. */
static void advise_unseen(struct advice *advice)
{
    char reason[ADVICE_TEXT];
    const char *unseen = "could not be seen, and so not what of it could overlap";
    if (advice->bound == OVL_NEITHER_BOUND)
        snprintf(reason, sizeof reason, "What it does %s.", unseen);
    else if (advice->bound == OVL_CPU_BOUND)
        snprintf(reason, sizeof reason,
                 "In which lines it computes %s: where one turn of a loop needs nothing of the one "
                 "before, processes use all %u cores.",
                 unseen, advice->cores);
    else
        snprintf(
            reason, sizeof reason,
            "In which lines it waits for %s %s: where one wait needs nothing of the one before, "
            "threads or asyncio overlap them.",
            rules_waits_for(&advice->spent), unseen);
    rules_stay(advice, reason);
}

/* Why it stays as it is where nothing was seen that is done over and over. */
static const char *no_loop_words(const struct advice *advice)
{
    if (advice->python)
        return "No loop was seen whose turns could overlap: a `for`, or a function that is called "
               "with one thing after the other.";
    switch (advice->script_kind) {
    case SCRIPT_SHELL:
        return "Which of its commands need what others made is not seen: those that do not can run "
               "at once, by `overlap run` or by & and wait.";
    case SCRIPT_LANGUAGE:
        return "Whether it does anything over and over that could overlap is not seen in this "
               "language.";
    default:
        return "Nothing is done over and over that could overlap.";
    }
}

/* The line that calls the unit: the tree knows the function that it is in. */
static void find_unit_call(struct advice *advice)
{
    const struct place *call = &advice->tree->places[advice->unit.call];
    if (!advice->python || !advice->unit.function || !call->own)
        return;
    advice->call = source_call(call, advice->tree->places[advice->unit.function].function);
    advice->accepts = advice->call.line && source_accepts(call, advice->call.line);
}

/* What the program needs, by the rules for what it is. `forecast`: NULL: there is none. */
static void recommend(struct advice *advice, const struct observation *observed,
                      const struct forecast *forecast)
{
    bool concurrent = advice->present.model != OVL_SYNC;
    if (computing_is(advice, &observed->hot, observed->process_count > 0))
        computing_advise(advice, &observed->hot);
    else if (!concurrent && rules_is_paced(&advice->spent))
        advise_paced(advice);
    else if (concurrent_is_plumbing(advice))
        concurrent_advise_plumbing(advice);
    else if (advice->present.model == OVL_ASYNC)
        concurrent_advise_loop(advice);
    else if (concurrent && forecast)
        concurrent_advise_pool(advice, forecast);
    else if (concurrent)
        concurrent_advise_unknown(advice);
    else if (!forecast && advice->unseen)
        advise_unseen(advice);
    else if (!forecast)
        rules_stay(advice, no_loop_words(advice));
    else
        sequential_advise(advice, forecast);
    if (advice->wall_ns < RULES_SHORT_NS && advice->model != OVL_SYNC && !concurrent)
        rules_stay(advice, "Not worth it: the program is over in less than 0.2 s.");
}

/* Its time without what other programs took of it. The kernel's sum has what the process waited
 * before it became the program, too: it is no less than what that did. */
static ovl_time without_others(const struct advice *advice)
{
    ovl_time took_ns = rules_others_took(advice);
    ovl_time did_ns = spent_all(&advice->spent);
    ovl_time left_ns = advice->wall_ns - took_ns > did_ns ? advice->wall_ns - took_ns : did_ns;
    return took_ns > 0 && left_ns < advice->wall_ns ? left_ns : advice->wall_ns;
}

/* What the forecast needs to know beside the unit: measured, as far as it matters. */
static struct forecast_setting setting_of(struct advice *advice, const struct observation *observed)
{
    bool sequential = advice->present.model == OVL_SYNC && advice->unit.node;
    if (sequential)
        advice->base_ns = without_others(advice);
    struct forecast_setting setting = {.wall_ns = advice->base_ns,
                                       .undisturbed = advice->base_ns < advice->wall_ns,
                                       .cores = advice->cores,
                                       .python = advice->python,
                                       .present = advice->present.model};
    const struct spent *spent = &advice->unit.spent;
    sequential_libraries(advice, &setting);
    if (advice->python && advice->unit.node)
        costs_of_python(interpreter_of(observed), &setting.costs);
    if (setting.present == OVL_SYNC && spent_syncs(spent) * SYNC_SHARE > spent_all(spent))
        disk_measure(observed->sync_device, advice->unit.new_files, &setting.disk);
    return setting;
}

/* Of the program without its launchers, of which the same may be told twice where it has no agent:
 * then what was seen. */
static ovl_time own_cpu(const struct observation *observed, ovl_time cpu_ns)
{
    ovl_time own_ns = cpu_ns - launchers_cpu(observed);
    return cpu_ns >= 0 && own_ns >= 0 ? own_ns : observed->spent.cpu_ns;
}

void advice_make(struct advice *advice, const struct observation *observed, ovl_time wall_ns,
                 ovl_time cpu_ns)
{
    *advice = (struct advice){.tree = &observed->tree,
                              .wall_ns = wall_ns,
                              .base_ns = wall_ns,
                              .cpu_ns = own_cpu(observed, cpu_ns),
                              .spent = observed->spent,
                              .idle_ns = observed->idle_ns,
                              .delay_ns = observed->delay_ns,
                              .looks = observed->samples,
                              .plumbing = observed->plumbing,
                              .threads = &observed->threads,
                              .python = is_python(observed),
                              .unseen = observed->python_unknown || !observed->process_count,
                              .cores = cores_to_use()};
    present_find(observed, &advice->present);
    if (!advice->python)
        advice->script_kind = script_find(observed, &advice->script);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        advice->spent.wait_ns[kind] += observed->short_ns[kind];
    find_where(advice);
    unit_find(advice->tree, advice->cores, &advice->unit);
    find_unit_call(advice);
    bool told_whole = advice->present.model != OVL_SYNC || advice->unseen;
    advice->bound = advice->unit.node ? rules_bound_of(&advice->unit.spent)
                    : told_whole      ? rules_bound_of(&advice->spent)
                                      : OVL_NEITHER_BOUND;
    struct forecast forecast;
    const struct forecast_setting setting = setting_of(advice, observed);
    bool known = forecast_init(&forecast, advice->tree, &advice->unit, &setting) == 0;
    if (known)
        predict_all(advice, &forecast);
    recommend(advice, observed, known ? &forecast : NULL);
    if (known)
        forecast_release(&forecast);
    notes_add(advice, observed);
}
