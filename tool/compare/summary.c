#include "compare/summary.h"

#include "report/table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct table_column columns[] = {
    {.title = "model"},
    {.title = "workers", .right = true, .rank = 1},
    {.title = "time", .right = true},
    {.title = "speed-up", .right = true},
    {.title = "predicted", .right = true, .rank = 3},
    {.title = "CPU time", .right = true, .rank = 2},
    {.title = "done", .right = true},
    {.title = "failed", .right = true},
    {.title = "not started", .right = true},
};

#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* Where everything is done, the columns that say so are left out. */
#define COLUMN_COUNT_DONE (COLUMN_COUNT - 3)

/* From so much on, and from this part of sync's time on, it is told that it had no processor. */
#define STARVED_NS   (10 * OVL_MILLISECOND)
#define STARVED_PART 5

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* What all rows of one table have in common. */
struct scale {
    ovl_time longest_ns;
    int digits; /* after the point, of seconds */
    bool all_done;
    bool utf8;
};

static struct scale find_scale(const struct comparison_view *view, bool utf8)
{
    struct scale scale = {.all_done = true, .utf8 = utf8};
    for (size_t n = 0; n < view->count; n++) {
        const struct measure_view *measure = &view->measures[n];
        scale.all_done &= measure->complete;
        if (measure->wall_ns > scale.longest_ns && !measure->crash[0])
            scale.longest_ns = measure->wall_ns;
    }
    scale.digits = scale.longest_ns < 10 * OVL_SECOND ? 3 : 2;
    return scale;
}

/* All in one unit, so that they compare at a glance; but what is nothing in that is told in
 * another.
 */
static void write_seconds(char *cell, ovl_time ns, const struct scale *scale)
{
    double us = (double)ns / OVL_MICROSECOND;
    if (ns >= OVL_MILLISECOND)
        snprintf(cell, TABLE_CELL_BYTES, "%.*f s", scale->digits, seconds(ns));
    else if (ns > 0)
        snprintf(cell, TABLE_CELL_BYTES, "%.*f %ss", us < 10 ? 1 : 0, us, scale->utf8 ? "µ" : "u");
    else
        snprintf(cell, TABLE_CELL_BYTES, "-");
}

static void write_speedup(char *cell, double speedup, const struct scale *scale)
{
    if (speedup > 0)
        snprintf(cell, TABLE_CELL_BYTES, speedup < 0.01 ? "%.*g%s" : "%.*f%s",
                 speedup < 9.95 ? 2 : 1, speedup, scale->utf8 ? "×" : "x");
    else
        snprintf(cell, TABLE_CELL_BYTES, "-");
}

static void write_count(char *cell, size_t count)
{
    snprintf(cell, TABLE_CELL_BYTES, "%zu", count);
}

static struct table_row make_row(const struct comparison_view *view, size_t n,
                                 const struct scale *scale)
{
    const struct measure_view *measure = &view->measures[n];
    struct table_row row = {
        .best = view->decided && view->verdict.model == measure->model,
        .bar = scale->longest_ns > 0 && !measure->crash[0]
                   ? (double)measure->wall_ns / (double)scale->longest_ns
                   : 0,
    };
    snprintf(row.cells[0], TABLE_CELL_BYTES, "%s", ovl_model_name(measure->model));
    write_count(row.cells[1], measure->workers);
    if (measure->crash[0])
        snprintf(row.cells[2], TABLE_CELL_BYTES, "crashed");
    else
        write_seconds(row.cells[2], measure->wall_ns, scale);
    write_speedup(row.cells[3], view->speedups[n], scale);
    write_seconds(row.cells[4], measure->predicted_ns, scale);
    write_seconds(row.cells[5], measure->cpu_ns, scale);
    write_count(row.cells[6], measure->done);
    write_count(row.cells[7], measure->failed);
    write_count(row.cells[8], measure->not_started);
    return row;
}

static void print_table(const struct comparison_view *view, const struct terminal *terminal)
{
    struct table_row rows[MODELS_MOST];
    struct scale scale = find_scale(view, terminal->utf8);
    for (size_t n = 0; n < view->count; n++)
        rows[n] = make_row(view, n, &scale);
    const struct table table = {
        .columns = columns,
        .column_count = scale.all_done ? COLUMN_COUNT_DONE : COLUMN_COUNT,
        .rows = rows,
        .row_count = view->count,
    };
    table_print(stdout, &table, terminal);
}

static void print_verdict(const struct comparison_view *view, const struct terminal *terminal)
{
    const struct ovl_verdict *verdict = &view->verdict;
    char text[sizeof verdict->reason + 128];
    if (!view->decided)
        snprintf(text, sizeof text, "No verdict: %s.", verdict->reason);
    else if (verdict->model == OVL_SYNC)
        snprintf(text, sizeof text, "Verdict: sync. %c%s.", toupper(verdict->reason[0]),
                 verdict->reason + 1);
    else
        snprintf(text, sizeof text, "Verdict: %s with %u worker%s, %.1f times faster. %c%s.",
                 ovl_model_name(verdict->model), verdict->workers, verdict->workers == 1 ? "" : "s",
                 verdict->speedup, toupper(verdict->reason[0]), verdict->reason + 1);
    table_print_text(stdout, text, terminal);
}

static void print_decision(const struct comparison_view *view, const struct terminal *terminal)
{
    for (size_t n = 0; n < view->count; n++) {
        if (!view->measures[n].decision[0])
            continue;
        char text[256];
        snprintf(text, sizeof text, "auto came to %s.", view->measures[n].decision);
        table_print_text(stdout, text, terminal);
    }
}

/* A machine that does other things as well makes all of the times say less. */
static void print_starved(const struct comparison_view *view, const struct terminal *terminal)
{
    ovl_time sync_ns = 0;
    for (size_t n = 0; n < view->count; n++)
        if (view->measures[n].model == OVL_SYNC)
            sync_ns = view->measures[n].wall_ns;
    if (view->starved_ns < STARVED_NS || view->starved_ns * STARVED_PART < sync_ns)
        return;
    char text[256];
    snprintf(text, sizeof text,
             "But other programs had the processors for %.3f s of sync's %.3f s: on a machine that "
             "is not busy these times may be others.",
             seconds(view->starved_ns), seconds(sync_ns));
    table_print_text(stdout, text, terminal);
}

static void print_comparison(const struct comparison_view *view, const struct terminal *terminal)
{
    char title[256];
    view->program->describe(view->program->self, title, sizeof title);
    table_print_text(stdout, title, terminal);
    if (view->program->count == 0) {
        puts("Nothing was asked for.");
        return;
    }
    putchar('\n');
    print_table(view, terminal);
    putchar('\n');
    print_verdict(view, terminal);
    print_decision(view, terminal);
    print_starved(view, terminal);
}

void summary_print(const struct comparison_view *views, size_t count,
                   const struct terminal *terminal)
{
    for (size_t n = 0; n < count; n++) {
        if (n > 0)
            putchar('\n');
        print_comparison(&views[n], terminal);
    }
}
