#include "advise/report.h"

#include "advise/account.h"
#include "advise/sketch.h"
#include "report/page.h"
#include "report/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_DRAWN 64
#define TASKS_DRAWN   4000
#define SOURCE_LINES  3 /* before a hot line, and after it */
#define SOURCES       6

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* --- the run as predicted --- */

static size_t first_free(const ovl_time *free_ns, size_t count)
{
    size_t first = 0;
    for (size_t n = 1; n < count; n++)
        if (free_ns[n] < free_ns[first])
            first = n;
    return first;
}

/* One task's parts, one after the other, each `stretch` times as long as it was. */
static ovl_time draw_task(struct timeline *timeline, size_t track, const struct instance *task,
                          ovl_time start_ns, double stretch)
{
    ovl_time end_ns = start_ns + (ovl_time)(stretch * (double)task->spent.cpu_ns);
    timeline_add(timeline, track, TIMELINE_RUNNING, start_ns, end_ns, NULL);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        start_ns = end_ns;
        end_ns += (ovl_time)(stretch * (double)task->spent.wait_ns[kind]);
        if (end_ns > start_ns)
            timeline_add(timeline, track, account_timeline_kind(kind), start_ns, end_ns, NULL);
    }
    return end_ns;
}

/* A program whose tasks were not counted: what cannot be shared, and then all workers at once. */
static void draw_halves(struct timeline *timeline, const struct advice *advice, size_t workers)
{
    if (!timeline || workers < 2)
        return;
    ovl_time saved_ns = advice->wall_ns - advice->best.wall_ns;
    ovl_time shared_ns = saved_ns + saved_ns / (ovl_time)(workers - 1); /* of one worker alone */
    ovl_time alone_ns = shared_ns < advice->wall_ns ? advice->wall_ns - shared_ns : 0;
    if (alone_ns > advice->best.wall_ns)
        alone_ns = 0;
    for (size_t n = 0; n < workers; n++) {
        char title[32];
        snprintf(title, sizeof title, "worker %zu", n + 1);
        size_t track = timeline_track(timeline, title);
        timeline_add(timeline, track, TIMELINE_RUNNING, n ? alone_ns : 0, advice->best.wall_ns,
                     NULL);
    }
}

/*
 * The tasks, dealt out to as many workers as are advised, so that the whole takes as long as is
 * predicted: the prediction tells how long, and not what each worker does when.
 */
static struct timeline *draw_prediction(const struct advice *advice)
{
    char title[96];
    const struct node *node = &advice->tree->nodes[advice->unit.node];
    size_t workers = advice->workers < WORKERS_DRAWN ? advice->workers : WORKERS_DRAWN;
    snprintf(title, sizeof title, "as predicted: %s, %u at once",
             advice_model_words(advice, advice->model), advice->workers);
    struct timeline *timeline = timeline_new(title);
    if (!timeline || !node->instance_count) {
        draw_halves(timeline, advice, workers);
        return timeline;
    }
    ovl_time free_ns[WORKERS_DRAWN] = {0};
    size_t tracks[WORKERS_DRAWN] = {0};
    for (size_t n = 0; n < workers; n++) {
        snprintf(title, sizeof title, "worker %zu", n + 1);
        tracks[n] = timeline_track(timeline, title);
    }
    size_t tasks = advice->unit.count < TASKS_DRAWN ? (size_t)advice->unit.count : TASKS_DRAWN;
    ovl_time longest_ns = 1;
    for (size_t n = 0; n < tasks; n++) {
        size_t worker = first_free(free_ns, workers);
        free_ns[worker] += spent_all(&node->instances[n % node->instance_count].spent);
        longest_ns = free_ns[worker] > longest_ns ? free_ns[worker] : longest_ns;
    }
    ovl_time outside_ns = advice->wall_ns - node->wall_ns;
    ovl_time begin_ns = outside_ns > 0 && outside_ns < advice->best.wall_ns ? outside_ns : 0;
    double stretch = (double)(advice->best.wall_ns - begin_ns) / (double)longest_ns;
    for (size_t n = 0; n < workers; n++)
        free_ns[n] = begin_ns;
    for (size_t n = 0; n < tasks; n++) {
        size_t worker = first_free(free_ns, workers);
        free_ns[worker] =
            draw_task(timeline, tracks[worker], &node->instances[n % node->instance_count],
                      free_ns[worker], stretch);
    }
    timeline_extend(timeline, advice->best.wall_ns);
    return timeline;
}

/* --- parts of the page --- */

static void add_curves(FILE *out, const struct advice *advice)
{
    static const enum ovl_model models[] = {OVL_THREADS, OVL_ASYNC, OVL_PROCESSES};
    struct page_point points[3][ADVICE_PREDICTIONS];
    struct page_series series[3];
    for (size_t n = 0; n < 3; n++) {
        size_t count = 0;
        for (size_t i = 0; i < advice->prediction_count; i++) {
            const struct ovl_prediction *one = &advice->predictions[i];
            if (one->model != models[n])
                continue;
            struct page_point point = {.x = one->workers,
                                       .y = one->speedup,
                                       .low = one->speedup_least,
                                       .high = one->speedup_most};
            size_t at = count++;
            for (; at > 0 && points[n][at - 1].x > point.x; at--)
                points[n][at] = points[n][at - 1];
            points[n][at] = point;
        }
        series[n] = (struct page_series){
            .name = advice_model_words(advice, models[n]), .points = points[n], .count = count};
    }
    if (!advice->prediction_count)
        return;
    page_heading(out, "What each model would gain");
    struct page_curves curves = {.caption =
                                     "Speed-up of the whole program, against the run as it was",
                                 .x_title = "workers",
                                 .y_title = "speed-up",
                                 .series = series,
                                 .count = 3};
    page_curves(out, &curves);
}

/* What of the time went into a line; NULL: it is none of the costly ones. Most of it comes first.
 */
static const struct advice_where *where_at(const struct advice *advice, const char *file, int line)
{
    for (size_t n = 0; n < advice->where_count && n < SOURCES; n++) {
        const struct place *place = &advice->tree->places[advice->where[n].place];
        if (place->line == line && strcmp(place->file, file) == 0)
            return &advice->where[n];
    }
    return NULL;
}

/* Whether a line is among those that are shown around an earlier one. */
static bool is_shown(const struct advice *advice, size_t number)
{
    const struct place *place = &advice->tree->places[advice->where[number].place];
    for (size_t n = 0; n < number; n++) {
        const struct place *before = &advice->tree->places[advice->where[n].place];
        if (abs(before->line - place->line) <= SOURCE_LINES &&
            strcmp(before->file, place->file) == 0)
            return true;
    }
    return false;
}

static void add_source(FILE *out, const struct advice *advice, size_t number)
{
    const struct place *place = &advice->tree->places[advice->where[number].place];
    char texts[2 * SOURCE_LINES + 1][256];
    char notes[2 * SOURCE_LINES + 1][64];
    struct page_line lines[2 * SOURCE_LINES + 1];
    size_t count = 0;
    for (int line = place->line - SOURCE_LINES; line <= place->line + SOURCE_LINES; line++) {
        if (line < 1 || !source_line_whole(place->file, line, texts[count], sizeof texts[count]))
            continue;
        const struct advice_where *hot = where_at(advice, place->file, line);
        if (hot)
            snprintf(notes[count], sizeof notes[count], "%s %.3f s", advice_kind_name(hot->kind),
                     seconds(hot->time_ns));
        lines[count] = (struct page_line){.number = (unsigned)line,
                                          .text = texts[count],
                                          .share = hot ? hot->share : 0,
                                          .note = hot ? notes[count] : NULL};
        count++;
    }
    if (count)
        page_source(out, place->file, lines, count);
}

static void add_where(FILE *out, const struct advice *advice)
{
    page_heading(out, "Where the time goes");
    for (size_t n = 0; n < advice->where_count && n < SOURCES; n++)
        if (n == 0 || (advice->where[n].share >= 0.03 && !is_shown(advice, n)))
            add_source(out, advice, n);
}

static void add_sketch(FILE *out, const struct advice *advice)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    sketch_write(memory, advice, "");
    fclose(memory);
    if (size) {
        page_heading(out, "The change");
        page_code(out, text);
    }
    free(text);
}

static void add_verdict(FILE *out, const struct advice *advice)
{
    char text[ADVICE_TEXT + 200];
    if (advice->model == OVL_SYNC)
        snprintf(text, sizeof text, "%s %s", advice_stay_words(advice), advice->reason);
    else if (!advice->has_best)
        snprintf(text, sizeof text, "%s", advice->reason);
    else
        snprintf(text, sizeof text,
                 "Use %s, %u at once: %.1f times as fast, %.2f s instead of %.2f s. %s",
                 advice_model_words(advice, advice->model), advice->workers, advice->best.speedup,
                 seconds(advice->best.wall_ns), seconds(advice->base_ns), advice->reason);
    page_verdict(out, text);
    for (size_t n = 0; n < advice->replace_count; n++) {
        snprintf(text, sizeof text, "Replace %s by %s.", advice->replace[n].from,
                 advice->replace[n].to);
        page_text(out, text);
    }
    for (size_t n = 0; n < advice->note_count; n++)
        page_text(out, advice->notes[n]);
}

void advice_report(FILE *out, const struct advice *advice, const struct timeline *ran,
                   char **command)
{
    char lead[512] = "";
    size_t used = 0;
    for (size_t n = 0; command && command[n] && used < sizeof lead; n++)
        used += (size_t)snprintf(lead + used, sizeof lead - used, "%s%s", n ? " " : "", command[n]);
    page_begin(out, "overlap advise", lead[0] ? lead : NULL);
    add_verdict(out, advice);
    struct timeline *predicted =
        advice->has_best && advice->model != OVL_SYNC ? draw_prediction(advice) : NULL;
    page_heading(out, predicted ? "As it ran, and as predicted" : "As it ran");
    const struct timeline *both[] = {ran, predicted};
    if (predicted)
        page_side_by_side(out, both, 2);
    page_timeline(out, ran);
    timeline_free(predicted);
    add_curves(out, advice);
    add_where(out, advice);
    add_sketch(out, advice);
    page_end(out);
}

int advice_trace(FILE *out, const struct advice *advice, const struct timeline *ran)
{
    struct timeline *predicted =
        advice->has_best && advice->model != OVL_SYNC ? draw_prediction(advice) : NULL;
    const struct timeline *both[] = {ran, predicted};
    int error = trace_write(out, both, predicted ? 2 : 1);
    timeline_free(predicted);
    return error;
}
