#include "compare/report.h"

#include "report/chart.h"
#include "report/page.h"
#include "report/trace.h"

#include <math.h>
#include <stdint.h>

#define CELL_BYTES 32
#define COLUMNS    6
#define LINES_MOST 16

int report_open(struct report_files *files, const char *page, const char *trace)
{
    if (artifact_open(&files->page, "--report", page))
        return -1;
    if (!artifact_open(&files->trace, "--trace", trace))
        return 0;
    artifact_discard(&files->page);
    return -1;
}

static void write_number(char *cell, double number, int digits)
{
    while (number > 0 && digits < 9 && number * pow(10, digits) < 9.95)
        digits++; /* tasks of microseconds: two digits that say something */
    if (number > 0)
        snprintf(cell, CELL_BYTES, "%.*f", digits, number);
    else
        snprintf(cell, CELL_BYTES, "-");
}

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

static void write_table(FILE *out, const struct comparison_view *view)
{
    static const struct page_column columns[COLUMNS] = {
        {.title = "model"},
        {.title = "workers", .number = true},
        {.title = "seconds", .number = true},
        {.title = "speed-up", .number = true},
        {.title = "predicted seconds", .number = true},
        {.title = "CPU seconds", .number = true},
    };
    char text[MODELS_MOST][COLUMNS][CELL_BYTES];
    const char *cells[MODELS_MOST * COLUMNS];
    size_t best = SIZE_MAX;
    for (size_t n = 0; n < view->count; n++) {
        const struct measure_view *measure = &view->measures[n];
        snprintf(text[n][0], CELL_BYTES, "%s", ovl_model_name(measure->model));
        snprintf(text[n][1], CELL_BYTES, "%u", measure->workers);
        if (measure->crash[0])
            snprintf(text[n][2], CELL_BYTES, "crashed");
        else
            write_number(text[n][2], seconds(measure->wall_ns), 3);
        write_number(text[n][3], view->speedups[n], 2);
        write_number(text[n][4], seconds(measure->predicted_ns), 3);
        write_number(text[n][5], seconds(measure->cpu_ns), 3);
        for (size_t i = 0; i < COLUMNS; i++)
            cells[n * COLUMNS + i] = text[n][i];
        if (view->decided && measure->model == view->verdict.model)
            best = n;
    }
    const struct page_table table = {
        .columns = columns,
        .column_count = COLUMNS,
        .cells = cells,
        .row_count = view->count,
        .best = best,
    };
    page_table(out, &table);
}

static size_t list_pictures(const struct comparison_view *view, const struct timeline **pictures)
{
    size_t count = 0;
    for (size_t n = 0; n < view->count; n++)
        if (view->measures[n].picture)
            pictures[count++] = view->measures[n].picture;
    return count;
}

static void write_comparison(FILE *out, const struct comparison_view *view)
{
    char line[256];
    view->program->describe(view->program->self, line, sizeof line);
    page_heading(out, line);
    if (view->decided)
        snprintf(line, sizeof line, "%s with %u worker%s: %s", ovl_model_name(view->verdict.model),
                 view->verdict.workers, view->verdict.workers == 1 ? "" : "s",
                 view->verdict.reason);
    else
        snprintf(line, sizeof line, "no verdict: %s", view->verdict.reason);
    page_verdict(out, line);
    write_table(out, view);
    for (size_t n = 0; n < view->count; n++) {
        const struct measure_view *measure = &view->measures[n];
        if (measure->crash[0])
            snprintf(line, sizeof line, "%s %s", ovl_model_name(measure->model), measure->crash);
        else if (measure->decision[0])
            snprintf(line, sizeof line, "auto came to %s", measure->decision);
        else
            continue;
        page_text(out, line);
    }
    const struct timeline *pictures[MODELS_MOST];
    size_t count = list_pictures(view, pictures);
    if (count)
        page_side_by_side(out, pictures, count);
    for (size_t n = 0; n < count; n++)
        page_timeline(out, pictures[n]);
}

static void write_page(FILE *out, const struct comparison_view *views, size_t count)
{
    page_begin(
        out, "overlap compare",
        "The same work under every model of concurrency: who ran, who waited, and for what.");
    for (size_t n = 0; n < count; n++)
        write_comparison(out, &views[n]);
    page_end(out);
}

static int write_trace(FILE *out, const struct comparison_view *views, size_t count)
{
    const struct timeline *pictures[3 * MODELS_MOST];
    size_t found = 0;
    for (size_t n = 0; n < count && n < 3; n++)
        found += list_pictures(&views[n], pictures + found);
    return trace_write(out, pictures, found);
}

int report_write(struct report_files *files, const struct comparison_view *views, size_t count)
{
    if (files->page.path)
        write_page(files->page.stream, views, count);
    int error = artifact_commit(&files->page);
    if (files->trace.path && write_trace(files->trace.stream, views, count))
        error = -1;
    return artifact_commit(&files->trace) || error ? -1 : 0;
}

void report_timelines(FILE *out, const struct comparison_view *views, size_t count,
                      const struct terminal *terminal)
{
    for (size_t n = 0; n < count; n++) {
        for (size_t i = 0; i < views[n].count; i++) {
            if (!views[n].measures[i].picture)
                continue;
            fputc('\n', out);
            chart_print(out, views[n].measures[i].picture, LINES_MOST, terminal);
        }
    }
}
