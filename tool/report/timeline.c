#include "report/timeline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* More than a page of any size can show, and little enough to keep: some megabytes. */
#define SPANS_MAX 40000

/* A picture is never more than this wide: what is shorter than a part of it cannot be seen. */
#define PARTS_START 20000

#define LABEL_MAX 200

/* With more tracks, one that is over goes on as another. */
#define TRACKS_MANY 256

const char *timeline_kind_name(enum timeline_kind kind)
{
    static const char *const names[TIMELINE_KIND_COUNT] = {
        [TIMELINE_RUNNING] = "running",   [TIMELINE_NETWORK] = "network",
        [TIMELINE_DISK] = "disk",         [TIMELINE_SLEEP] = "sleep",
        [TIMELINE_LOCK] = "lock",         [TIMELINE_CHILD] = "child",
        [TIMELINE_TERMINAL] = "terminal", [TIMELINE_GIL] = "gil",
        [TIMELINE_QUEUE] = "queue",       [TIMELINE_OTHER] = "other",
        [TIMELINE_FAILED] = "failed",
    };
    return names[kind];
}

struct timeline *timeline_new(const char *title)
{
    struct timeline *timeline = calloc(1, sizeof *timeline);
    if (!timeline)
        return NULL;
    timeline->title = strdup(title);
    if (!timeline->title) {
        free(timeline);
        return NULL;
    }
    return timeline;
}

void timeline_free(struct timeline *timeline)
{
    if (!timeline)
        return;
    for (size_t n = 0; n < timeline->count; n++) {
        struct timeline_track *track = &timeline->tracks[n];
        for (size_t i = 0; i < track->count; i++)
            free(track->spans[i].label);
        free(track->spans);
        free(track->name);
    }
    free(timeline->tracks);
    free(timeline->title);
    free(timeline);
}

/* Makes room for one more of `size` bytes; returns the array, moved or not, or NULL. */
static void *make_room(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t more = *room ? 2 * *room : 8;
    void *moved = reallocarray(array, more, size);
    if (moved)
        *room = more;
    return moved;
}

static ovl_time end_of(const struct timeline_track *track)
{
    return track->count ? track->spans[track->count - 1].end_ns : 0;
}

/* The one that has been over for longest; NULL: none is. */
static struct timeline_track *find_over(struct timeline *timeline)
{
    struct timeline_track *first = NULL;
    for (size_t n = 0; n < timeline->count; n++) {
        struct timeline_track *track = &timeline->tracks[n];
        if (track->over && (!first || end_of(track) < end_of(first)))
            first = track;
    }
    return first;
}

size_t timeline_track(struct timeline *timeline, const char *name)
{
    char *copy = strdup(name);
    struct timeline_track *over =
        copy && timeline->count >= TRACKS_MANY ? find_over(timeline) : NULL;
    if (over) {
        free(over->name);
        over->name = copy;
        over->over = false;
        return (size_t)(over - timeline->tracks);
    }
    void *tracks =
        make_room(timeline->tracks, timeline->count, &timeline->room, sizeof *timeline->tracks);
    if (tracks)
        timeline->tracks = tracks;
    if (!copy || !tracks) {
        free(copy);
        timeline->incomplete = true;
        return SIZE_MAX;
    }
    timeline->tracks[timeline->count] = (struct timeline_track){.name = copy};
    return timeline->count++;
}

void timeline_track_over(struct timeline *timeline, size_t number)
{
    if (number < timeline->count)
        timeline->tracks[number].over = true;
}

static ovl_time length(const struct timeline_span *span)
{
    return span->end_ns - span->start_ns;
}

/* Makes `next`, which follows it, a part of `span`; the longer one says what the whole is. */
static void merge(struct timeline_span *span, struct timeline_span *next)
{
    bool longer = length(next) > length(span);
    char *kept = longer ? next->label : span->label;
    free(longer ? span->label : next->label);
    span->label = kept;
    if (longer)
        span->kind = next->kind;
    if (next->end_ns > span->end_ns)
        span->end_ns = next->end_ns;
    span->tasks += next->tasks;
}

/* What is left of its room, beside as much again as it has. */
static void give_back(struct timeline_track *track)
{
    size_t room = 2 * track->count;
    struct timeline_span *moved =
        room < track->room ? reallocarray(track->spans, room, sizeof *moved) : NULL;
    if (!moved)
        return;
    track->spans = moved;
    track->room = room;
}

/* Makes one of neighbours that are shorter together than the resolution. */
static void coarsen_track(struct timeline_track *track, ovl_time resolution_ns)
{
    size_t kept = 0;
    for (size_t i = 1; i < track->count; i++) {
        struct timeline_span *span = &track->spans[kept];
        struct timeline_span *next = &track->spans[i];
        if (next->end_ns - span->start_ns < resolution_ns)
            merge(span, next);
        else
            track->spans[++kept] = *next;
    }
    if (!track->count)
        return;
    track->count = kept + 1;
    give_back(track);
}

static void coarsen(struct timeline *timeline)
{
    /* One span a track is as coarse as it gets. */
    while (timeline->spans > SPANS_MAX / 2 && timeline->resolution_ns <= timeline->end_ns) {
        ovl_time least = timeline->end_ns / PARTS_START + 1;
        ovl_time next = 2 * timeline->resolution_ns;
        timeline->resolution_ns = next > least ? next : least;
        timeline->spans = 0;
        for (size_t n = 0; n < timeline->count; n++) {
            coarsen_track(&timeline->tracks[n], timeline->resolution_ns);
            timeline->spans += timeline->tracks[n].count;
        }
    }
}

/* A copy, cut to what is shown, never within a character of UTF-8. */
static char *copy_label(const char *label)
{
    size_t size = strnlen(label, LABEL_MAX + 1);
    if (size > LABEL_MAX) {
        size = LABEL_MAX;
        while (size > LABEL_MAX - 4 && ((unsigned char)label[size] & 0xc0) == 0x80)
            size--;
    }
    return strndup(label, size);
}

void timeline_extend(struct timeline *timeline, ovl_time end_ns)
{
    if (end_ns > timeline->end_ns)
        timeline->end_ns = end_ns;
}

void timeline_add(struct timeline *timeline, size_t number, enum timeline_kind kind,
                  ovl_time start_ns, ovl_time end_ns, const char *label)
{
    if (number >= timeline->count)
        return;
    struct timeline_track *track = &timeline->tracks[number];
    timeline_extend(timeline, end_ns);
    track->tasks++;
    track->sum_ns[kind] += end_ns - start_ns;
    struct timeline_span span = {
        .start_ns = start_ns,
        .end_ns = end_ns,
        .kind = kind,
        .label = label ? copy_label(label) : NULL,
        .tasks = 1,
    };
    struct timeline_span *last = track->count ? &track->spans[track->count - 1] : NULL;
    if (last && end_ns - last->start_ns < timeline->resolution_ns) {
        merge(last, &span);
        return;
    }
    void *spans = make_room(track->spans, track->count, &track->room, sizeof *track->spans);
    if (!spans) {
        free(span.label);
        timeline->incomplete = true;
        return;
    }
    track->spans = spans;
    track->spans[track->count++] = span;
    if (++timeline->spans > SPANS_MAX)
        coarsen(timeline);
}

void timeline_sum(const struct timeline *timeline, ovl_time ret_sum_ns[TIMELINE_KIND_COUNT])
{
    memset(ret_sum_ns, 0, TIMELINE_KIND_COUNT * sizeof *ret_sum_ns);
    for (size_t n = 0; n < timeline->count; n++)
        for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++)
            ret_sum_ns[kind] += timeline->tracks[n].sum_ns[kind];
}

static void add_levels(const struct timeline_span *span, double part_ns, size_t count,
                       double *levels)
{
    size_t first = (size_t)((double)span->start_ns / part_ns);
    for (size_t part = first; part < count; part++) {
        double begin = (double)part * part_ns;
        double end = begin + part_ns;
        if ((double)span->end_ns <= begin)
            break;
        double from = (double)span->start_ns > begin ? (double)span->start_ns : begin;
        double to = (double)span->end_ns < end ? (double)span->end_ns : end;
        levels[part * TIMELINE_KIND_COUNT + span->kind] += (to - from) / part_ns;
    }
}

void timeline_levels(const struct timeline *timeline, ovl_time end_ns, size_t count,
                     double *ret_levels)
{
    memset(ret_levels, 0, count * TIMELINE_KIND_COUNT * sizeof *ret_levels);
    if (end_ns <= 0)
        return;
    double part_ns = (double)end_ns / (double)count;
    for (size_t n = 0; n < timeline->count; n++)
        for (size_t i = 0; i < timeline->tracks[n].count; i++)
            add_levels(&timeline->tracks[n].spans[i], part_ns, count, ret_levels);
}
