#include "run/picture.h"

#include "report/artifact.h"
#include "report/console.h"
#include "report/page.h"
#include "report/timeline.h"
#include "report/trace.h"
#include "run/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places that have a track of their own; the others share the last one. */
#define TRACKS_MAX 256

struct picture {
    ovl_time began;
    char *command;
    struct artifact report;
    struct artifact trace;
    struct timeline *timeline;
    size_t tracks;
};

static char *join(char *const *words, size_t count)
{
    struct text text = {0};
    for (size_t n = 0; n < count; n++) {
        text_add_string(&text, n ? " " : "");
        text_add_string(&text, words[n]);
    }
    return text_take(&text);
}

int picture_open(const struct choices *choices, ovl_time began, struct picture **ret_picture)
{
    *ret_picture = NULL;
    if (!choices->report && !choices->trace)
        return 0;
    struct picture *picture = calloc(1, sizeof *picture);
    if (!picture) {
        console_error("out of memory for the report");
        return -1;
    }
    picture->began = began;
    picture->command = join(choices->words, choices->word_count);
    picture->timeline = timeline_new(picture->command ? picture->command : "run");
    if (artifact_open(&picture->report, "--report", choices->report) < 0 ||
        artifact_open(&picture->trace, "--trace", choices->trace) < 0) {
        picture_free(picture);
        return -1;
    }
    *ret_picture = picture;
    return 0;
}

/* The track of a place; jobs of one place follow each other. */
static size_t track_of(struct picture *picture, unsigned slot)
{
    size_t wanted = slot < TRACKS_MAX ? slot : TRACKS_MAX;
    while (picture->tracks < wanted) {
        char name[32];
        snprintf(name, sizeof name, "job slot %zu", ++picture->tracks);
        timeline_track(picture->timeline, name);
    }
    return wanted - 1;
}

/* What it did in the main: a job that computes for most of its time is one that runs. */
static enum timeline_kind kind_of(const struct job *job)
{
    if (job->state != JOB_DONE)
        return TIMELINE_FAILED;
    return 2 * job->cpu_ns >= job->end - job->start ? TIMELINE_RUNNING : TIMELINE_CHILD;
}

void picture_add(struct picture *picture, const struct job *job)
{
    if (!picture || !picture->timeline || !job->slot || job->end < job->start)
        return;
    struct ovl_bytes item = row_item(job->row);
    char *label = strndup(item.size ? item.data : "", item.size < 200 ? item.size : 200);
    timeline_add(picture->timeline, track_of(picture, job->slot), kind_of(job),
                 job->start - picture->began, job->end - picture->began, label);
    free(label);
}

static void add_sentence(void *context, const char *sentence)
{
    page_text(context, sentence);
}

static void write_page(struct picture *picture, const struct tally *tally, struct pace *pace)
{
    FILE *out = picture->report.stream;
    char verdict[240];
    char counts[160];
    pace_reason(pace, verdict, sizeof verdict);
    snprintf(counts, sizeof counts,
             "%" PRIu64 " done, %" PRIu64 " failed, %s%" PRIu64 " not started; %.3f s of CPU time.",
             tally->done, tally->failed, tally->uncounted ? "at least " : "", tally->not_started,
             (double)tally->cpu_ns / (double)OVL_SECOND);
    page_begin(out, "overlap run", picture->command);
    page_verdict(out, verdict);
    page_text(out, counts);
    page_heading(out, "Jobs");
    page_timeline(out, picture->timeline);
    page_heading(out, "How many at once, and why");
    pace_each(pace, add_sentence, out);
    page_end(out);
}

int picture_finish(struct picture *picture, const struct tally *tally, struct pace *pace)
{
    if (!picture)
        return 0;
    const struct timeline *timeline = picture->timeline;
    int error = timeline ? 0 : -1;
    if (!error && picture->report.stream)
        write_page(picture, tally, pace);
    if (!error && picture->trace.stream)
        error = trace_write(picture->trace.stream, &timeline, 1);
    if (error)
        console_error("out of memory for the report");
    if (!error && artifact_commit(&picture->report) < 0)
        error = -1;
    if (!error && artifact_commit(&picture->trace) < 0)
        error = -1;
    return error ? -1 : 0;
}

void picture_free(struct picture *picture)
{
    if (!picture)
        return;
    artifact_discard(&picture->report);
    artifact_discard(&picture->trace);
    timeline_free(picture->timeline);
    free(picture->command);
    free(picture);
}
