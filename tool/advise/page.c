#include "advise/page.h"

#include "advise/rules.h"
#include "advise/sketch.h"
#include "report/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WHERE_SHOWN 4

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* "8.31 s", "0.051 s". */
static void time_text(ovl_time ns, char *text, size_t size)
{
    double value = seconds(ns);
    snprintf(text, size, value >= 100 ? "%.0f s" : value >= 1 ? "%.2f s" : "%.3f s", value);
}

/* A heading, and the text beside it. */
static void show(FILE *out, const struct terminal *terminal, const char *heading, const char *text)
{
    const char *bold = terminal->colour ? "\033[1m" : "";
    const char *plain = terminal->colour ? "\033[0m" : "";
    size_t width = terminal->width > 40 ? terminal->width - 16 : 24;
    fprintf(out, "  %s%-12s%s", bold, heading, plain);
    size_t column = 0;
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " ");
        if (column && column + 1 + length > width) {
            fprintf(out, "\n              ");
            column = 0;
        }
        fprintf(out, "%s%.*s", column ? " " : "", (int)length, word);
        column += length + (column ? 1 : 0);
        word += length;
        word += strspn(word, " ");
    }
    fputc('\n', out);
}

/* --- its parts --- */

/* Times that are next to nothing say nothing. */
static bool is_worth_showing(const struct advice *advice, ovl_time time_ns)
{
    return time_ns > advice->wall_ns / 100 && time_ns >= 5 * OVL_MILLISECOND;
}

static const char *bound_words(const struct advice *advice)
{
    static const char *const words[] = {[OVL_IO_BOUND] = "I/O: it waits",
                                        [OVL_CPU_BOUND] = "CPU: it computes",
                                        [OVL_MIXED_BOUND] = "both: it waits and computes",
                                        [OVL_NEITHER_BOUND] = "nothing that could overlap"};
    if (advice->overhead)
        return "its processes' start and supply";
    if (advice->bound == OVL_NEITHER_BOUND && advice->cpu_ns >= RULES_SHORT_NS &&
        rules_bound_of(&advice->spent) == OVL_CPU_BOUND)
        return "CPU: it computes, in one piece";
    if (advice->bound == OVL_NEITHER_BOUND && advice->script_kind != SCRIPT_NONE)
        return words[rules_bound_of(&advice->spent)];
    return words[advice->bound];
}

static void show_bound(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    char text[ADVICE_TEXT];
    int used =
        snprintf(text, sizeof text, "%s (cpu %.2f s", bound_words(advice), seconds(advice->cpu_ns));
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (is_worth_showing(advice, advice->spent.wait_ns[kind]))
            used += snprintf(text + used, sizeof text - (size_t)used, ", %s %.2f s",
                             advice_kind_name(kind), seconds(advice->spent.wait_ns[kind]));
    snprintf(text + used, sizeof text - (size_t)used, ")");
    show(out, terminal, "Bound by", text);
}

static void show_where(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    size_t shown = 0;
    for (size_t n = 0; n < advice->where_count && shown < WHERE_SHOWN; n++) {
        const struct advice_where *where = &advice->where[n];
        const struct place *place = &advice->tree->places[where->place];
        char text[512];
        char line[256];
        if ((shown && where->share < 0.05) || !place->function[0])
            continue;
        char at[32] = "";
        if (place->line)
            snprintf(at, sizeof at, ":%d", place->line);
        bool named = advice_is_named(place);
        snprintf(text, sizeof text, "%3.0f%% %-8s %s%s%s%s%s", 100 * where->share,
                 advice_kind_name(where->kind), advice_file_name(place->file), at,
                 named ? "  " : "", named ? place->function : "", named ? "()" : "");
        fprintf(out, "  %s%-12s%s%s\n", terminal->colour ? "\033[1m" : "", shown ? "" : "Where",
                terminal->colour ? "\033[0m" : "", text);
        if (shown++ == 0 && source_line(place->file, place->line, line, sizeof line))
            fprintf(out, "                            %.*s\n",
                    terminal->width > 50 ? (int)terminal->width - 28 : 40, line);
    }
}

static void show_todo(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    char text[ADVICE_TEXT];
    if (advice->model == OVL_SYNC) {
        show(out, terminal, "What to do", advice_stay_words(advice));
        show(out, terminal, "", advice->reason);
        return;
    }
    if (!advice->has_best) {
        show(out, terminal, "What to do", advice->reason);
        return;
    }
    int used =
        snprintf(text, sizeof text, "Use %s: %u %s", advice_model_words(advice, advice->model),
                 advice->workers, advice->model == OVL_ASYNC ? "tasks in flight" : "of them");
    for (size_t n = 0; n < advice->replace_count && used < (int)sizeof text; n++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s by %s",
                         n ? ", " : "; replace ", advice->replace[n].from, advice->replace[n].to);
    show(out, terminal, "What to do", text);
    show(out, terminal, "", advice->reason);
}

static void show_gain(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    if (advice->model == OVL_SYNC || !advice->has_best)
        return;
    char before[32];
    char after[32];
    char text[ADVICE_TEXT];
    time_text(advice->base_ns, before, sizeof before);
    time_text(advice->best.wall_ns, after, sizeof after);
    snprintf(text, sizeof text, "%.1f times: %s -> %s (between %.1f and %.1f times)",
             advice->best.speedup, before, after, advice->best.speedup_least,
             advice->best.speedup_most);
    show(out, terminal, "It gains", text);
}

static int by_model_and_workers(const void *left, const void *right)
{
    const struct ovl_prediction *a = left;
    const struct ovl_prediction *b = right;
    if (a->model != b->model)
        return a->model < b->model ? -1 : 1;
    return a->workers < b->workers ? -1 : a->workers > b->workers;
}

/* More workers that gain nothing need no row of their own. */
static bool adds_nothing(const struct advice *advice, const struct ovl_prediction *before,
                         const struct ovl_prediction *one)
{
    bool advised = advice->model == one->model && advice->workers == one->workers;
    return !advised && before->model == one->model &&
           (double)one->wall_ns > 0.98 * (double)before->wall_ns;
}

static size_t sort_predictions(const struct advice *advice, struct ovl_prediction *sorted)
{
    size_t count = 0;
    memcpy(sorted, advice->predictions, advice->prediction_count * sizeof *sorted);
    qsort(sorted, advice->prediction_count, sizeof *sorted, by_model_and_workers);
    for (size_t n = 0; n < advice->prediction_count; n++)
        if (!count || !adds_nothing(advice, &sorted[count - 1], &sorted[n]))
            sorted[count++] = sorted[n];
    return count;
}

static void show_predictions(FILE *out, const struct advice *advice,
                             const struct terminal *terminal)
{
    static const struct table_column columns[] = {{.title = "predicted"},
                                                  {.title = "workers", .right = true},
                                                  {.title = "time", .right = true},
                                                  {.title = "speed-up", .right = true}};
    struct ovl_prediction sorted[ADVICE_PREDICTIONS];
    struct table_row rows[ADVICE_PREDICTIONS] = {0};
    double longest = 0;
    size_t count = sort_predictions(advice, sorted);
    for (size_t n = 0; n < count; n++)
        longest = seconds(sorted[n].wall_ns) > longest ? seconds(sorted[n].wall_ns) : longest;
    for (size_t n = 0; n < count; n++) {
        struct table_row *row = &rows[n];
        snprintf(row->cells[0], TABLE_CELL_BYTES, "%s",
                 advice_model_words(advice, sorted[n].model));
        snprintf(row->cells[1], TABLE_CELL_BYTES, "%u", sorted[n].workers);
        time_text(sorted[n].wall_ns, row->cells[2], TABLE_CELL_BYTES);
        snprintf(row->cells[3], TABLE_CELL_BYTES, "%.2f%s", sorted[n].speedup,
                 terminal->utf8 ? "×" : "x");
        row->bar = longest > 0 ? seconds(sorted[n].wall_ns) / longest : 0;
        row->best = advice->model == sorted[n].model && advice->workers == sorted[n].workers;
    }
    if (!count)
        return;
    fputc('\n', out);
    struct table table = {.columns = columns, .column_count = 4, .rows = rows, .row_count = count};
    table_print(out, &table, terminal);
}

#define THREADS_SHOWN 10

/* Each thread's time, where there is more than one that did something. */
static void show_threads(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    static const struct table_column columns[] = {{.title = "thread"},
                                                  {.title = "time", .right = true},
                                                  {.title = "computes", .right = true},
                                                  {.title = "waits", .right = true},
                                                  {.title = "most for", .rank = 1},
                                                  {.title = "idle", .right = true, .rank = 2}};
    struct table_row rows[THREADS_SHOWN] = {0};
    const struct thread_times *threads = advice->threads;
    size_t count = 0;
    for (; count < threads->count && count < THREADS_SHOWN; count++) {
        const struct thread_time *time = &threads->kept[count];
        struct table_row *row = &rows[count];
        ovl_time busy_ns = thread_time_busy(time);
        int most = 0;
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            if (time->wait_ns[kind] > time->wait_ns[most])
                most = kind;
        if (busy_ns * 100 < advice->wall_ns)
            break;
        snprintf(row->cells[0], TABLE_CELL_BYTES, "%s %d",
                 time->thread != time->process ? "  thread"
                 : time->program[0]            ? time->program
                                               : "process",
                 time->thread);
        time_text(time->wall_ns, row->cells[1], TABLE_CELL_BYTES);
        time_text(time->cpu_ns, row->cells[2], TABLE_CELL_BYTES);
        time_text(busy_ns - time->cpu_ns, row->cells[3], TABLE_CELL_BYTES);
        snprintf(row->cells[4], TABLE_CELL_BYTES, "%s",
                 100 * time->wait_ns[most] > busy_ns ? advice_kind_name(most) : "");
        time_text(time->idle_ns, row->cells[5], TABLE_CELL_BYTES);
        row->bar = time->wall_ns > 0 ? (double)time->cpu_ns / (double)time->wall_ns : 0;
    }
    if (count < 2)
        return;
    fputc('\n', out);
    struct table table = {.columns = columns, .column_count = 6, .rows = rows, .row_count = count};
    table_print(out, &table, terminal);
    if (threads->count > count || threads->left_out)
        fprintf(out, "and %" PRIu64 " more that did less\n",
                threads->count - count + threads->left_out);
}

void advice_page(FILE *out, const struct advice *advice, const struct terminal *terminal)
{
    char wall[32];
    time_text(advice->wall_ns, wall, sizeof wall);
    fprintf(out, "\noverlap advise: it %s for %s", advice->attached ? "was looked at" : "ran",
            wall);
    if (advice->ended)
        fputs(", until it ended", out);
    if (advice->signal && sigabbrev_np(advice->signal))
        fprintf(out, ", until SIG%s ended it", sigabbrev_np(advice->signal));
    else if (advice->exit_code)
        fprintf(out, ", and ended with exit code %d", advice->exit_code);
    fprintf(out, "\n\n");
    show_bound(out, advice, terminal);
    show_where(out, advice, terminal);
    show_todo(out, advice, terminal);
    show_gain(out, advice, terminal);
    for (size_t n = 0; n < advice->note_count; n++)
        show(out, terminal, n ? "" : "But note", advice->notes[n]);
    show_threads(out, advice, terminal);
    if (advice->model != OVL_SYNC && advice->has_best) {
        show_predictions(out, advice, terminal);
        fputc('\n', out);
        sketch_write(out, advice, "    ");
    }
}
