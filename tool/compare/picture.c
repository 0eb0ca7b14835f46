#include "compare/picture.h"

#include <stdio.h>
#include <stdlib.h>

/* More workers than this are more than anybody looks at: the later ones share the tracks. */
#define TRACKS_MOST 512

/* One task, in the order of its worker and of its start. */
struct task {
    ovl_time start;
    size_t number; /* in the ledger */
    size_t worker; /* below TRACKS_MOST */
    int error;
};

static int compare_tasks(const void *a, const void *b)
{
    const struct task *first = a;
    const struct task *second = b;
    if (first->worker != second->worker)
        return first->worker < second->worker ? -1 : 1;
    return (first->start > second->start) - (first->start < second->start);
}

static enum timeline_kind kind_of(int kind)
{
    switch (kind) {
    case OVL_COMPUTING:
        return TIMELINE_RUNNING;
    case OVL_READY:
        return TIMELINE_QUEUE;
    case OVL_WAIT_NETWORK:
        return TIMELINE_NETWORK;
    case OVL_WAIT_DISK:
        return TIMELINE_DISK;
    case OVL_WAIT_SLEEP:
        return TIMELINE_SLEEP;
    case OVL_WAIT_LOCK:
        return TIMELINE_LOCK;
    case OVL_WAIT_CHILD:
        return TIMELINE_CHILD;
    default:
        return TIMELINE_OTHER;
    }
}

static void add_task(struct timeline *timeline, size_t track, struct ovl_ledger *ledger,
                     const struct task *task, ovl_time start)
{
    struct ovl_segment segments[OVL_SEGMENTS_MAX];
    struct ovl_record record;
    int count = ovl_ledger_segments(ledger, task->number, segments, OVL_SEGMENTS_MAX);
    if (count < 0 || ovl_ledger_read(ledger, task->number, &record))
        return;
    char label[32];
    snprintf(label, sizeof label, "task %zu", record.task + 1);
    ovl_time at = record.start - start;
    ovl_time end = record.end - start;
    if (task->error) {
        timeline_add(timeline, track, TIMELINE_FAILED, at, end, label);
        return;
    }
    for (int i = 0; i < count && at < end; i++) {
        ovl_time until = at + segments[i].length_ns < end ? at + segments[i].length_ns : end;
        timeline_add(timeline, track, kind_of(segments[i].kind), at, until, label);
        at = until;
    }
}

/* Makes a track for each worker that has run a task: auto leaves gaps in their numbers. */
static void add_tasks(struct timeline *timeline, struct ovl_ledger *ledger,
                      const struct task *tasks, size_t count, ovl_time start)
{
    size_t track = 0;
    for (size_t n = 0; n < count; n++) {
        if (!n || tasks[n].worker != tasks[n - 1].worker) {
            char name[32];
            snprintf(name, sizeof name, "worker %zu", tasks[n].worker);
            track = timeline_track(timeline, name);
        }
        add_task(timeline, track, ledger, &tasks[n], start);
    }
}

struct timeline *picture_of(struct ovl_ledger *ledger, const char *title, ovl_time start,
                            ovl_time length_ns)
{
    size_t count = ovl_ledger_count(ledger);
    struct task *tasks = calloc(count ? count : 1, sizeof *tasks);
    struct timeline *timeline = tasks ? timeline_new(title) : NULL;
    for (size_t n = 0; timeline && n < count; n++) {
        struct ovl_record record = {0};
        ovl_ledger_read(ledger, n, &record);
        tasks[n] = (struct task){record.start, n, record.worker % TRACKS_MOST, record.error};
    }
    if (timeline) {
        qsort(tasks, count, sizeof *tasks, compare_tasks);
        add_tasks(timeline, ledger, tasks, count, start);
        timeline_extend(timeline, length_ns);
    }
    free(tasks);
    return timeline;
}
