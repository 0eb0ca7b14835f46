/* Timelines on the page: drawn here, without JavaScript; page.js adds the zoom and what is under
 * the pointer. */
#include "report/html.h"
#include "report/page.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* The picture's units across: it is stretched to the width of the page. */
#define WIDTH 10000.0

/* Tracks that are drawn, each in a row of its own; of more, the first. */
#define TRACKS_MAX 200

/* How many parts the picture of the levels has. */
#define PARTS        400
#define LEVELS_PIXEL 60

static unsigned row_pixels(size_t tracks)
{
    return tracks <= 40 ? 16 : tracks <= 100 ? 8 : 5;
}

/* --- legend and numbers --- */

static void put_legend(FILE *out, const ovl_time sum_ns[TIMELINE_KIND_COUNT])
{
    fputs("<p class=\"legend\">", out);
    for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
        if (sum_ns[kind] > 0)
            fprintf(out, "<span><i class=\"k%d\"></i>%s</span> ", kind, timeline_kind_name(kind));
    fputs("</p>\n", out);
}

static void put_sums(FILE *out, const char *name, size_t tasks,
                     const ovl_time sum_ns[TIMELINE_KIND_COUNT],
                     const ovl_time shown_ns[TIMELINE_KIND_COUNT])
{
    char buffer[HTML_TIME_BYTES];
    fputs("<tr><td>", out);
    html_text(out, name);
    fprintf(out, "</td><td class=\"n\">%zu</td>", tasks);
    for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
        if (shown_ns[kind] > 0)
            fprintf(out, "<td class=\"n\">%s</td>", html_time(sum_ns[kind], buffer));
    fputs("</tr>\n", out);
}

static void put_numbers(FILE *out, const struct timeline *timeline,
                        const ovl_time sum_ns[TIMELINE_KIND_COUNT])
{
    size_t spans = 0;
    for (size_t n = 0; n < timeline->count; n++)
        spans += timeline->tracks[n].tasks;
    fputs("<details><summary>In numbers</summary><div class=\"wide\"><table>\n<thead><tr><th></th>"
          "<th class=\"n\">spans</th>",
          out);
    for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
        if (sum_ns[kind] > 0)
            fprintf(out, "<th class=\"n\">%s</th>", timeline_kind_name(kind));
    fputs("</tr></thead>\n<tbody>\n", out);
    put_sums(out, "all", spans, sum_ns, sum_ns);
    for (size_t n = 0; n < timeline->count && n < TRACKS_MAX; n++)
        put_sums(out, timeline->tracks[n].name, timeline->tracks[n].tasks,
                 timeline->tracks[n].sum_ns, sum_ns);
    fputs("</tbody></table></div></details>\n", out);
}

/* --- the picture --- */

static void put_axis(FILE *out, ovl_time end_ns)
{
    char buffer[HTML_TIME_BYTES];
    double step = html_step((double)end_ns, 4);
    fputs("<div class=\"axis\">", out);
    for (int n = 0; n * step <= (double)end_ns * 0.97; n++)
        fprintf(out, "<span style=\"left:%.2f%%\">%s</span>", 100 * n * step / (double)end_ns,
                html_time((ovl_time)(n * step), buffer));
    fputs("</div>\n", out);
}

static double place(const struct timeline *timeline, ovl_time at_ns)
{
    return WIDTH * (double)at_ns / (double)timeline->end_ns;
}

static void put_title(FILE *out, const struct timeline_track *track,
                      const struct timeline_span *span)
{
    char length[HTML_TIME_BYTES];
    char start[HTML_TIME_BYTES];
    fputs("<title>", out);
    if (span->label) {
        html_text(out, span->label);
        fputs("\n", out);
    }
    if (span->tasks > 1)
        fprintf(out, "%zu short ones, most of all ", span->tasks);
    fprintf(out, "%s %s, from %s; ", timeline_kind_name(span->kind),
            html_time(span->end_ns - span->start_ns, length), html_time(span->start_ns, start));
    html_text(out, track->name);
    fputs("</title>", out);
}

static void put_track(FILE *out, const struct timeline *timeline, size_t number, unsigned pixels)
{
    const struct timeline_track *track = &timeline->tracks[number];
    double gap = pixels >= 8 ? 2 : 1;
    for (size_t i = 0; i < track->count; i++) {
        const struct timeline_span *span = &track->spans[i];
        double start = place(timeline, span->start_ns);
        double width = place(timeline, span->end_ns) - start;
        fprintf(out, "<rect class=\"k%d\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\">",
                span->kind, start, (double)(number * pixels), width > 0.5 ? width : 0.5,
                pixels - gap);
        put_title(out, track, span);
        fputs("</rect>\n", out);
    }
}

static void put_names(FILE *out, const struct timeline *timeline, size_t shown, unsigned pixels)
{
    size_t every = (15 + pixels) / pixels;
    if (pixels == 16)
        every = 1;
    fputs("<div class=\"names\">", out);
    for (size_t n = 0; n < shown; n += every) {
        fprintf(out, "<span style=\"top:%zupx\">", n * pixels);
        html_text(out, timeline->tracks[n].name);
        fputs("</span>", out);
    }
    fputs("</div>\n", out);
}

/* One kind's part of the stack of levels, from the levels below it. */
static void put_layer(FILE *out, int kind, const double *levels, double *below, double peak)
{
    double top[PARTS];
    bool any = false;
    for (size_t part = 0; part < PARTS; part++) {
        top[part] = below[part] + levels[part * TIMELINE_KIND_COUNT + (size_t)kind];
        any |= top[part] > below[part];
    }
    if (!any)
        return;
    fprintf(out, "<path class=\"k%d\" d=\"M", kind);
    for (size_t part = 0; part < PARTS; part++)
        fprintf(out, "%.0f %.2fH%.0fV", WIDTH * (double)part / PARTS,
                LEVELS_PIXEL * (1 - top[part] / peak), WIDTH * (double)(part + 1) / PARTS);
    fprintf(out, "%.2f", LEVELS_PIXEL * (1 - below[PARTS - 1] / peak));
    for (size_t part = PARTS; part-- > 0;)
        fprintf(out, "H%.0fV%.2f", WIDTH * (double)part / PARTS,
                LEVELS_PIXEL * (1 - below[part ? part - 1 : 0] / peak));
    fprintf(out, "Z\"><title>%s</title></path>\n", timeline_kind_name(kind));
    for (size_t part = 0; part < PARTS; part++)
        below[part] = top[part];
}

static double find_peak(const double *levels)
{
    double peak = 0;
    for (size_t part = 0; part < PARTS; part++) {
        double all = 0;
        for (size_t kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
            all += levels[part * TIMELINE_KIND_COUNT + kind];
        peak = all > peak ? all : peak;
    }
    return peak;
}

/* How many did what, over the time until `end_ns`, beside its name. */
static void put_levels(FILE *out, const struct timeline *timeline, ovl_time end_ns,
                       const char *name)
{
    char buffer[HTML_TIME_BYTES];
    double *levels = malloc(PARTS * TIMELINE_KIND_COUNT * sizeof *levels);
    if (!levels) {
        fputs("<p>(there was no memory to draw this)</p><p></p>\n", out);
        return;
    }
    timeline_levels(timeline, end_ns, PARTS, levels);
    double peak = find_peak(levels);
    fputs("<div class=\"names level\"><span>", out);
    html_text(out, name);
    fprintf(out, "<br><small>%s<br>%.0f at once</small></span></div>\n",
            html_time(timeline->end_ns, buffer), ceil(peak - 0.01));
    fprintf(out,
            "<div class=\"bars\"><svg data-h=\"%d\" viewBox=\"0 0 %.0f %d\" "
            "preserveAspectRatio=\"none\" style=\"height:%dpx\" role=\"img\">\n",
            LEVELS_PIXEL, WIDTH, LEVELS_PIXEL, LEVELS_PIXEL);
    double below[PARTS] = {0};
    for (int kind = 0; peak > 0 && kind < TIMELINE_KIND_COUNT; kind++)
        put_layer(out, kind, levels, below, peak);
    fputs("</svg></div>\n", out);
    free(levels);
}

static void put_picture(FILE *out, const struct timeline *timeline, size_t shown)
{
    unsigned pixels = row_pixels(shown);
    unsigned height = (unsigned)shown * pixels;
    fprintf(out, "<div class=\"plot\" data-end=\"%lld\">\n", (long long)timeline->end_ns);
    put_levels(out, timeline, timeline->end_ns, "all");
    put_names(out, timeline, shown, pixels);
    fprintf(out,
            "<div class=\"bars\"><svg data-h=\"%u\" viewBox=\"0 0 %.0f %u\" "
            "preserveAspectRatio=\"none\" style=\"height:%upx\" role=\"img\">\n",
            height, WIDTH, height, height);
    for (size_t n = 0; n < shown; n++)
        put_track(out, timeline, n, pixels);
    fputs("</svg></div>\n<div class=\"names\"></div>\n", out);
    put_axis(out, timeline->end_ns);
    fputs("</div>\n", out);
}

static void put_remarks(FILE *out, const struct timeline *timeline, size_t shown)
{
    char buffer[HTML_TIME_BYTES];
    if (shown < timeline->count)
        fprintf(
            out,
            "<p class=\"remark\">The first %zu of %zu are drawn; the rest are in the sums.</p>\n",
            shown, timeline->count);
    if (timeline->resolution_ns)
        fprintf(out, "<p class=\"remark\">Neighbours shorter than %s are drawn as one.</p>\n",
                html_time(timeline->resolution_ns, buffer));
    if (timeline->incomplete)
        fputs("<p class=\"remark\">There was no memory for some of it: the picture is "
              "incomplete.</p>\n",
              out);
}

void page_timeline(FILE *out, const struct timeline *timeline)
{
    char buffer[HTML_TIME_BYTES];
    ovl_time sum_ns[TIMELINE_KIND_COUNT];
    size_t shown = timeline->count < TRACKS_MAX ? timeline->count : TRACKS_MAX;
    timeline_sum(timeline, sum_ns);
    fputs("<section class=\"timeline\">\n<h3>", out);
    html_text(out, timeline->title);
    fprintf(out, " <small>%s</small></h3>\n", html_time(timeline->end_ns, buffer));
    if (!shown || timeline->end_ns <= 0) {
        fputs("<p>Nothing was recorded.</p>\n</section>\n", out);
        return;
    }
    put_legend(out, sum_ns);
    put_picture(out, timeline, shown);
    put_remarks(out, timeline, shown);
    put_numbers(out, timeline, sum_ns);
    fputs("</section>\n", out);
}

void page_side_by_side(FILE *out, const struct timeline *const *timelines, size_t count)
{
    ovl_time all_ns[TIMELINE_KIND_COUNT] = {0};
    ovl_time end_ns = 0;
    for (size_t n = 0; n < count; n++) {
        ovl_time sum_ns[TIMELINE_KIND_COUNT];
        timeline_sum(timelines[n], sum_ns);
        for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
            all_ns[kind] += sum_ns[kind];
        end_ns = timelines[n]->end_ns > end_ns ? timelines[n]->end_ns : end_ns;
    }
    if (end_ns <= 0)
        return;
    fputs("<section class=\"timeline\">\n<h3>All on one scale</h3>\n", out);
    put_legend(out, all_ns);
    fprintf(out, "<div class=\"plot\" data-end=\"%lld\">\n", (long long)end_ns);
    for (size_t n = 0; n < count; n++)
        put_levels(out, timelines[n], end_ns, timelines[n]->title);
    fputs("<div class=\"names\"></div>\n", out);
    put_axis(out, end_ns);
    fputs("</div>\n</section>\n", out);
}
