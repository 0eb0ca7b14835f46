#include "fetch/timing.h"

#include "command.h"
#include "fetch/display.h"
#include "fetch/run.h"
#include "report/artifact.h"
#include "report/console.h"
#include "report/page.h"
#include "report/timeline.h"
#include "report/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* So many events of the tuner are told. */
#define EVENTS_MOST 20

struct timing {
    struct artifact page;
    struct artifact trace;
    struct timeline *timeline;
    ovl_time start;
    size_t *tracks; /* by place; SIZE_MAX: none as yet */
    size_t count;
};

void timing_free(struct timing *timing)
{
    if (!timing)
        return;
    artifact_discard(&timing->page);
    artifact_discard(&timing->trace);
    timeline_free(timing->timeline);
    free(timing->tracks);
    free(timing);
}

int timing_open(const struct settings *settings, ovl_time start, struct timing **ret_timing)
{
    if (!settings->report && !settings->trace)
        return 0;
    struct timing *timing = calloc(1, sizeof *timing);
    struct timeline *timeline = timing ? timeline_new("overlap fetch") : NULL;
    if (!timeline) {
        free(timing);
        console_error("there is no memory for a report");
        return EXIT_REFUSED;
    }
    timing->timeline = timeline;
    timing->start = start;
    if (artifact_open(&timing->page, "--report", settings->report) < 0 ||
        artifact_open(&timing->trace, "--trace", settings->trace) < 0) {
        timing_free(timing);
        return EXIT_REFUSED;
    }
    *ret_timing = timing;
    return 0;
}

static size_t track_of(struct timing *timing, uint32_t place)
{
    if (place >= timing->count) {
        size_t *tracks = realloc(timing->tracks, (place + 1) * sizeof *tracks);
        if (!tracks)
            return SIZE_MAX;
        timing->tracks = tracks;
        while (timing->count <= place)
            tracks[timing->count++] = SIZE_MAX;
    }
    if (timing->tracks[place] == SIZE_MAX) {
        char name[32];
        snprintf(name, sizeof name, "place %" PRIu32, place + 1);
        timing->tracks[place] = timeline_track(timing->timeline, name);
    }
    return timing->tracks[place];
}

void timing_add(struct timing *timing, const struct item *item, const struct reply *reply,
                uint32_t place)
{
    if (!timing || reply->begun < timing->start)
        return;
    bool failed = reply->fault != FAULT_NONE && reply->fault != FAULT_UNCHANGED;
    timeline_add(timing->timeline, track_of(timing, place),
                 failed ? TIMELINE_FAILED : TIMELINE_NETWORK, reply->begun - timing->start,
                 reply->ended - timing->start, item_url(item));
}

static void put_facts(FILE *out, const struct run *run)
{
    static const struct page_column columns[] = {{.title = ""}, {.title = "", .number = true}};
    char cells[6][32];
    const struct run_counts *counts = &run->counts;
    double seconds = (double)(run->end - run->start) / (double)OVL_SECOND;
    snprintf(cells[0], sizeof cells[0], "%zu of %zu", counts->done, counts->items);
    snprintf(cells[1], sizeof cells[1], "%zu", counts->failed);
    snprintf(cells[2], sizeof cells[2], "%zu", counts->not_started);
    display_size(counts->bytes, cells[3], sizeof cells[3]);
    snprintf(cells[4], sizeof cells[4], "%.2f s", seconds);
    snprintf(cells[5], sizeof cells[5], "%u", run->limit);
    const char *rows[] = {"done",
                          cells[0],
                          "failed",
                          cells[1],
                          "not started",
                          cells[2],
                          "came",
                          cells[3],
                          "took",
                          cells[4],
                          "transfers at once, at the end",
                          cells[5]};
    page_table(out, &(struct page_table){.columns = columns,
                                         .column_count = 2,
                                         .cells = rows,
                                         .row_count = 6,
                                         .best = SIZE_MAX});
}

/* How the number of transfers was found. */
static void put_tuning(FILE *out, const struct run *run)
{
    size_t count = run->tuning.tuner ? ovl_tuner_event_count(run->tuning.tuner) : 0;
    if (count == 0)
        return;
    page_heading(out, "How many transfers at once");
    size_t first = count > EVENTS_MOST ? count - EVENTS_MOST : 0;
    for (size_t n = first; n < count; n++) {
        struct ovl_tuner_event event;
        char text[256];
        if (ovl_tuner_event(run->tuning.tuner, n, &event) < 0)
            continue;
        snprintf(text, sizeof text, "After %.2f s: from %u to %u: %s.",
                 (double)(event.time - run->start) / (double)OVL_SECOND, event.from, event.to,
                 event.reason);
        page_text(out, text);
    }
}

static void put_page(FILE *out, const struct timing *timing, const struct run *run)
{
    char verdict[128];
    double seconds = (double)(run->end - run->start) / (double)OVL_SECOND;
    snprintf(verdict, sizeof verdict, "%zu URLs in %.2f s: %.0f a second, under %s.",
             run->counts.done, seconds, seconds > 0 ? (double)run->counts.done / seconds : 0,
             ovl_model_name(run->context.model));
    page_begin(out, "overlap fetch", "What was fetched, and when.");
    page_verdict(out, verdict);
    put_facts(out, run);
    page_heading(out, "Transfers");
    page_timeline(out, timing->timeline);
    put_tuning(out, run);
    page_end(out);
}

int timing_finish(struct timing *timing, const struct run *run, int code)
{
    if (!timing)
        return code;
    timeline_extend(timing->timeline, run->end - run->start);
    if (timing->page.path)
        put_page(timing->page.stream, timing, run);
    const struct timeline *timelines[] = {timing->timeline};
    if (timing->trace.path && trace_write(timing->trace.stream, timelines, 1) < 0)
        code = EXIT_REFUSED;
    if (artifact_commit(&timing->page) < 0 || artifact_commit(&timing->trace) < 0)
        code = EXIT_REFUSED;
    return code;
}
