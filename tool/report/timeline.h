/*
 * Timelines: what workers did, and when. A verb fills one in; the page, the trace and the terminal
 * draw it.
 *
 * A timeline has tracks, one for each worker (a thread, a coroutine, a job's place), and each track
 * has spans, in which it ran or waited. Time counts in nanoseconds from the timeline's own start.
 *
 * Memory is bounded: where there are more spans than a picture can show, neighbours that are too
 * short to be seen become one; and of very many tracks those that are over go on as others. Sums
 * stay exact.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_REPORT_TIMELINE_H
#define TOOL_REPORT_TIMELINE_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

enum timeline_kind {
    TIMELINE_RUNNING, /* computes */
    TIMELINE_NETWORK,
    TIMELINE_DISK,
    TIMELINE_SLEEP,
    TIMELINE_LOCK,
    TIMELINE_CHILD,
    TIMELINE_TERMINAL,
    TIMELINE_GIL,
    TIMELINE_QUEUE,  /* work is there, and the worker has not begun it */
    TIMELINE_OTHER,  /* neither computes nor waits for anything that was seen */
    TIMELINE_FAILED, /* a task that failed, whatever it did meanwhile */
    TIMELINE_KIND_COUNT,
};

/* A kind's name: "running", "network", …. Constant string. */
const char *timeline_kind_name(enum timeline_kind kind);

struct timeline_span {
    ovl_time start_ns;
    ovl_time end_ns; /* not before start_ns */
    enum timeline_kind kind;
    char *label;  /* the task: a URL, a command; NULL: none. Any bytes. */
    size_t tasks; /* how many spans it stands for: 1, or more where neighbours became one */
};

struct timeline_track {
    char *name; /* "worker 3" */
    struct timeline_span *spans;
    size_t count;
    size_t room;
    bool over;                            /* as of timeline_track_over */
    size_t tasks;                         /* spans that were added */
    ovl_time sum_ns[TIMELINE_KIND_COUNT]; /* of all that were added */
};

struct timeline {
    char *title;
    struct timeline_track *tracks;
    size_t count;
    size_t room;
    size_t spans;           /* kept, over all tracks */
    ovl_time end_ns;        /* the latest end */
    ovl_time resolution_ns; /* neighbours shorter than this have become one; 0: none have */
    bool incomplete;        /* there was no memory for some of it */
};

/* Makes an empty one; NULL: no memory. The title is copied. */
struct timeline *timeline_new(const char *title);

/* NULL is allowed. */
void timeline_free(struct timeline *timeline);

/*
 * Adds a track, whose name is copied. Returns its number, from 0; SIZE_MAX where there is no
 * memory, which timeline_add takes and leaves out.
 */
size_t timeline_track(struct timeline *timeline, const char *name);

/* Nothing more is added to this track. Where there are very many, the next one that is asked for
 * goes on in its place, under its own name. */
void timeline_track_over(struct timeline *timeline, size_t track);

/*
 * Adds a span at the end of a track: spans of one track are added in the order of their starts.
 * `label` is copied; one of more than 200 bytes is cut.
 */
void timeline_add(struct timeline *timeline, size_t track, enum timeline_kind kind,
                  ovl_time start_ns, ovl_time end_ns, const char *label);

/* Makes the timeline last until `end_ns` at least. */
void timeline_extend(struct timeline *timeline, ovl_time end_ns);

/* What the whole did: the sums over all tracks. */
void timeline_sum(const struct timeline *timeline, ovl_time ret_sum_ns[TIMELINE_KIND_COUNT]);

/*
 * Of `count` equal parts of the time from 0 to `end_ns`, how many tracks were on average in each
 * kind: ret_levels[part * TIMELINE_KIND_COUNT + kind].
 */
void timeline_levels(const struct timeline *timeline, ovl_time end_ns, size_t count,
                     double *ret_levels);

#endif
