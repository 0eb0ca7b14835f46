/* Writes a page that has every part that a page can have, on texts as bad as they can be. */
#include "report/page.h"

#include "support/cases.h"

#include <stdint.h>
#include <stdlib.h>

static struct timeline *make(const char *title, int workers, int tasks)
{
    struct timeline *timeline = timeline_new(title);
    for (int n = 0; timeline && n < workers; n++) {
        char name[32];
        snprintf(name, sizeof name, "worker %d", n);
        timeline_track(timeline, name);
    }
    for (int n = 0; timeline && n < tasks; n++) {
        size_t track = (size_t)(n % workers);
        ovl_time start = n / workers * 60 * OVL_MILLISECOND;
        char label[64];
        snprintf(label, sizeof label, "http://example.org/%d?<script>throw 1</script>\xff\"", n);
        timeline_add(timeline, track, TIMELINE_RUNNING, start, start + 5 * OVL_MILLISECOND, label);
        timeline_add(timeline, track, n % 9 ? TIMELINE_NETWORK : TIMELINE_FAILED,
                     start + 5 * OVL_MILLISECOND, start + 55 * OVL_MILLISECOND, label);
    }
    return timeline;
}

static void put_table(FILE *out)
{
    static const struct page_column columns[] = {
        {.title = "model"}, {.title = "time", .number = true}, {.title = "", .bar = true}};
    static const char *const cells[] = {"sync", "8.1 s", "1", "<b>async</b>", "0.1 s", "0.0123"};
    page_table(out, &(struct page_table){.caption = "160 downloads",
                                         .columns = columns,
                                         .column_count = COUNT_OF(columns),
                                         .cells = cells,
                                         .row_count = 2,
                                         .best = 1});
}

static void put_curves(FILE *out)
{
    static const struct page_point points[] = {
        {1, 1, 1, 1}, {2, 1.9, 1.8, 2.1}, {4, 3.5, 3, 4}, {32, 20, 14, 25}};
    static const struct page_series series[] = {{"threads", points, COUNT_OF(points)},
                                                {"<i>async", points, 3}};
    page_curves(out, &(struct page_curves){.caption = "Speed-up",
                                           .x_title = "workers",
                                           .y_title = "times",
                                           .series = series,
                                           .count = COUNT_OF(series)});
}

int main(void)
{
    struct timeline *timelines[] = {make("sync", 1, 40), make("threads", 5, 40),
                                    make("async", 300, 600)};
    page_begin(stdout, "A <sample>", "every part of a page");
    page_verdict(stdout, "async with 300 workers & more");
    put_table(stdout);
    page_side_by_side(stdout, (const struct timeline *const *)timelines, COUNT_OF(timelines));
    for (size_t n = 0; n < COUNT_OF(timelines); n++)
        page_timeline(stdout, timelines[n]);
    put_curves(stdout);
    static const struct page_line lines[] = {{.number = 12, .text = "def download(url):"},
                                             {.number = 13,
                                              .text =
                                                  "    a_very_long_line("
                                                  "\"<script>throw 2</script>\", 1, 2, 3, 4, 5, 6)",
                                              .share = 0.9,
                                              .note = "network"}};
    page_source(stdout, "prog.py", lines, COUNT_OF(lines));
    page_code(stdout, "async with asyncio.TaskGroup() as group:\n    group.create_task(f())");
    page_end(stdout);
    for (size_t n = 0; n < COUNT_OF(timelines); n++)
        timeline_free(timelines[n]);
    return ferror(stdout) ? 1 : 0;
}
