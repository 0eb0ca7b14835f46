/* Timelines, and what draws them: bounded memory, exact sums, and text of any bytes. */
#include "report/timeline.h"

#include "report/artifact.h"
#include "report/chart.h"
#include "report/page.h"
#include "report/trace.h"
#include "report/utf8.h"
#include "support/cases.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than a timeline keeps, by far. */
#define MANY 300000

static struct timeline *make(void)
{
    struct timeline *timeline = timeline_new("threads");
    assert_non_null(timeline);
    return timeline;
}

static void sums_and_levels_follow_from_the_spans(void)
{
    struct timeline *timeline = make();
    size_t one = timeline_track(timeline, "one");
    size_t two = timeline_track(timeline, "two");
    timeline_add(timeline, one, TIMELINE_RUNNING, 0, 25, "a");
    timeline_add(timeline, one, TIMELINE_NETWORK, 25, 100, "a");
    timeline_add(timeline, two, TIMELINE_RUNNING, 50, 100, NULL);
    assert_int_equal(timeline->end_ns, 100);
    ovl_time sum_ns[TIMELINE_KIND_COUNT];
    timeline_sum(timeline, sum_ns);
    assert_int_equal(sum_ns[TIMELINE_RUNNING], 75);
    assert_int_equal(sum_ns[TIMELINE_NETWORK], 75);
    assert_int_equal(sum_ns[TIMELINE_DISK], 0);
    double levels[2 * TIMELINE_KIND_COUNT];
    timeline_levels(timeline, 100, 2, levels);
    assert_true(levels[TIMELINE_RUNNING] == 0.5);
    assert_true(levels[TIMELINE_NETWORK] == 0.5);
    assert_true(levels[TIMELINE_KIND_COUNT + TIMELINE_RUNNING] == 1.0);
    assert_true(levels[TIMELINE_KIND_COUNT + TIMELINE_NETWORK] == 1.0);
    timeline_free(timeline);
}

static void many_spans_take_bounded_memory_and_keep_their_sums(void)
{
    struct timeline *timeline = make();
    size_t tracks[3];
    for (int n = 0; n < 3; n++)
        tracks[n] = timeline_track(timeline, "worker");
    ovl_time running_ns = 0;
    size_t most = 0;
    for (ovl_time n = 0; n < MANY; n++) {
        ovl_time length = 1 + n % 7;
        timeline_add(timeline, tracks[n % 3], n % 2 ? TIMELINE_RUNNING : TIMELINE_DISK, 10 * n,
                     10 * n + length, "a label that takes memory");
        if (n % 2)
            running_ns += length;
        most = timeline->spans > most ? timeline->spans : most;
    }
    assert_true(most < MANY / 4);
    assert_true(timeline->resolution_ns > 0);
    size_t stood_for = 0;
    for (size_t n = 0; n < timeline->count; n++)
        for (size_t i = 0; i < timeline->tracks[n].count; i++) {
            const struct timeline_span *span = &timeline->tracks[n].spans[i];
            assert_true(!i || span->start_ns >= span[-1].end_ns);
            stood_for += span->tasks;
        }
    assert_int_equal(stood_for, MANY);
    ovl_time sum_ns[TIMELINE_KIND_COUNT];
    timeline_sum(timeline, sum_ns);
    assert_int_equal(sum_ns[TIMELINE_RUNNING], running_ns);
    timeline_free(timeline);
}

static void more_tracks_than_spans_are_kept(void)
{
    struct timeline *timeline = make();
    for (int n = 0; n < 50000; n++)
        timeline_add(timeline, timeline_track(timeline, "w"), TIMELINE_RUNNING, n, n + 1, NULL);
    assert_int_equal(timeline->count, 50000);
    timeline_free(timeline);
}

/* Threads that come and go, one after the other and some at once: there are so many tracks as were
 * needed at once, or somewhat more. */
static void tracks_that_are_over_go_on_as_others(void)
{
    struct timeline *timeline = make();
    for (ovl_time n = 0; n < 5000; n++) {
        char name[32];
        snprintf(name, sizeof name, "thread %d", (int)n);
        size_t track = timeline_track(timeline, name);
        assert_string_equal(timeline->tracks[track].name, name);
        timeline_add(timeline, track, TIMELINE_SLEEP, 10 * n, 10 * n + 10, "a");
        timeline_track_over(timeline, track);
    }
    assert_true(timeline->count >= 100 && timeline->count <= 500);
    size_t all = 0;
    for (size_t n = 0; n < timeline->count; n++) {
        const struct timeline_track *track = &timeline->tracks[n];
        all += track->count;
        for (size_t i = 1; i < track->count; i++)
            assert_true(track->spans[i].start_ns >= track->spans[i - 1].end_ns);
    }
    assert_int_equal(all, 5000);
    /* None that goes on is taken. */
    size_t before = timeline->count;
    size_t tracks[600];
    for (size_t n = 0; n < 600; n++) {
        tracks[n] = timeline_track(timeline, "at once");
        for (size_t i = 0; i < n; i++)
            assert_true(tracks[n] != tracks[i]);
    }
    assert_int_equal(timeline->count, before > 600 ? before : 600);
    timeline_free(timeline);
}

static void a_long_label_is_cut_between_characters(void)
{
    struct timeline *timeline = make();
    size_t track = timeline_track(timeline, "one");
    char label[302];
    for (size_t n = 0; n < 300; n += 3)
        memcpy(label + n, "\xe2\x82\xac", 4);
    timeline_add(timeline, track, TIMELINE_RUNNING, 0, 1, label);
    const char *kept = timeline->tracks[track].spans[0].label;
    assert_true(strlen(kept) > 190 && strlen(kept) <= 200);
    assert_true(utf8_is_valid(kept, strlen(kept)));
    timeline_free(timeline);
}

static void only_what_is_utf8_passes(void)
{
    static const struct {
        const char *bytes;
        size_t length; /* of the first character; 0: none */
    } table[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             /* a continuation */
        {"\xc0\xaf", 0},         /* in too many bytes */
        {"\xe0\x80\xaf", 0},     /* the same */
        {"\xf0\x80\x80\xaf", 0}, /* the same */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* past the last */
        {"\xff", 0},
        {"\xe2\x82", 0}, /* cut off */
        {"\xe2\x28\xa1", 0},
    };
    for (size_t n = 0; n < COUNT_OF(table); n++)
        assert_int_equal(utf8_character(table[n].bytes, strlen(table[n].bytes)), table[n].length);
    char *clean = utf8_clean("a\xff\0\xe2\x82z", 6);
    assert_string_equal(clean, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    free(clean);
}

/* A timeline whose texts are as bad as they can be. */
static struct timeline *make_hostile(void)
{
    struct timeline *timeline = timeline_new("</script><b>&\"\xff\x01");
    size_t track = timeline_track(timeline, "<i>\xc0");
    timeline_add(timeline, track, TIMELINE_NETWORK, 1000, 2500,
                 "<img src=x onerror=y>\x1b[31m\xfe");
    return timeline;
}

static void a_trace_is_json_whatever_the_names_are(void)
{
    struct timeline *timeline = make_hostile();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(trace_write(out, (const struct timeline *const *)&timeline, 1), 0);
    fclose(out);
    json_t *document = json_loadb(text, size, 0, NULL);
    assert_non_null(document);
    json_t *events = json_object_get(document, "traceEvents");
    assert_int_equal(json_array_size(events), 3);
    json_t *span = json_array_get(events, 2);
    assert_string_equal(json_string_value(json_object_get(span, "ph")), "X");
    assert_true(json_real_value(json_object_get(span, "ts")) == 1.0);
    assert_true(json_real_value(json_object_get(span, "dur")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(span, "name")), "network");
    json_decref(document);
    free(text);
    timeline_free(timeline);
}

static void a_page_holds_no_markup_from_outside(void)
{
    struct timeline *timeline = make_hostile();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    page_begin(out, "<title>", "<lead>");
    page_verdict(out, "<verdict>");
    page_code(out, "<code>");
    page_timeline(out, timeline);
    page_side_by_side(out, (const struct timeline *const *)&timeline, 1);
    page_source(out, "<file>", &(struct page_line){.number = 1, .text = "<line>", .note = "<n>"},
                1);
    page_end(out);
    fclose(out);
    assert_true(utf8_is_valid(text, size));
    static const char *const never[] = {"<img",    "<b>",    "<i>",    "<lead>", "<verdict>",
                                        "<code><", "<file>", "<line>", "\x1b",   "<n>"};
    for (size_t n = 0; n < COUNT_OF(never); n++)
        assert_null(strstr(text, never[n]));
    assert_non_null(strstr(text, "&lt;img src=x onerror=y&gt;"));
    free(text);
    timeline_free(timeline);
}

static void a_chart_has_a_line_a_track_and_no_more_than_asked(void)
{
    struct timeline *timeline = make();
    for (int n = 0; n < 9; n++)
        timeline_add(timeline, timeline_track(timeline, "w"),
                     n % 2 ? TIMELINE_DISK : TIMELINE_RUNNING, 0, 100, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    chart_print(out, timeline, 5, &(struct terminal){.width = 33});
    fclose(out);
    assert_string_equal(text, "threads\n"
                              "w            ####################\n"
                              "w            %%%%%%%%%%%%%%%%%%%%\n"
                              "w            ####################\n"
                              "w            %%%%%%%%%%%%%%%%%%%%\n"
                              "(and 5 more)\n"
                              "             0            0.000 s\n"
                              "             # running % disk\n");
    free(text);
    timeline_free(timeline);
}

/* --- files beside the output --- */

static char folder[SCRATCH_BYTES];

static void read_file(const char *path, char *buffer, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    buffer[fread(buffer, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void a_file_appears_whole_or_not_at_all(void)
{
    char path[SCRATCH_BYTES + 8];
    char text[64];
    struct artifact artifact;
    assert_true(scratch_folder(folder, ANYWHERE));
    snprintf(path, sizeof path, "%s/report", folder);
    assert_int_equal(artifact_open(&artifact, "--report", path), 0);
    fputs("half", artifact.stream);
    fflush(artifact.stream);
    assert_int_equal(access(path, F_OK), -1);
    artifact_discard(&artifact);
    assert_int_equal(rmdir(folder), 0);

    assert_int_equal(mkdir(folder, 0700), 0);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(artifact_open(&artifact, "--report", path), 0);
        fprintf(artifact.stream, "whole %d", n);
        assert_int_equal(artifact_commit(&artifact), 0);
    }
    read_file(path, text, sizeof text);
    assert_string_equal(text, "whole 1");
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void what_cannot_be_written_is_told_at_the_start_or_the_end(void)
{
    struct artifact artifact;
    assert_int_equal(artifact_open(&artifact, "--trace", "/nowhere/at/all"), -1);
    assert_int_equal(artifact_open(&artifact, "--trace", "/proc/file"), -1);
    assert_int_equal(artifact_open(&artifact, "--trace", "/"), -1);
    assert_int_equal(artifact_open(&artifact, "--trace", ""), -1);
    assert_int_equal(artifact_open(&artifact, "--trace", "/dev/full"), 0);
    fputs("text", artifact.stream);
    assert_int_equal(artifact_commit(&artifact), -1);
    assert_int_equal(artifact_open(&artifact, "--trace", NULL), 0);
    assert_int_equal(artifact_commit(&artifact), 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(sums_and_levels_follow_from_the_spans),
        TEST_CASE(many_spans_take_bounded_memory_and_keep_their_sums),
        TEST_CASE(more_tracks_than_spans_are_kept),
        TEST_CASE(tracks_that_are_over_go_on_as_others),
        TEST_CASE(a_long_label_is_cut_between_characters),
        TEST_CASE(only_what_is_utf8_passes),
        TEST_CASE(a_trace_is_json_whatever_the_names_are),
        TEST_CASE(a_page_holds_no_markup_from_outside),
        TEST_CASE(a_chart_has_a_line_a_track_and_no_more_than_asked),
        TEST_CASE(a_file_appears_whole_or_not_at_all),
        TEST_CASE(what_cannot_be_written_is_told_at_the_start_or_the_end),
    };
    return run_cases("tool timeline", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
}
