#include "report/trace.h"

#include "report/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Writes events one by one: a document of them all would take many times their memory. */
struct writer {
    FILE *out;
    bool begun;
    int error;
};

static double microseconds(ovl_time ns)
{
    return (double)ns / 1000.0;
}

/* Takes the event over. */
static void put(struct writer *writer, json_t *event)
{
    if (!event) {
        writer->error = -ENOMEM;
        return;
    }
    fputs(writer->begun ? ",\n" : "\n", writer->out);
    writer->begun = true;
    /* A write that fails is for the stream's owner to tell. */
    json_dumpf(event, writer->out, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(event);
}

/* A name as JSON's text, valid UTF-8 whatever it was. */
static json_t *text(const char *name)
{
    char *clean = utf8_clean(name, strlen(name));
    json_t *value = clean ? json_string(clean) : NULL;
    free(clean);
    return value;
}

static void put_name(struct writer *writer, const char *what, size_t process, size_t thread,
                     const char *name)
{
    put(writer,
        json_pack("{s:s, s:s, s:I, s:I, s:{s:o}}", "name", what, "ph", "M", "pid",
                  (json_int_t)process, "tid", (json_int_t)thread, "args", "name", text(name)));
}

static void put_span(struct writer *writer, size_t process, size_t thread,
                     const struct timeline_span *span)
{
    const char *kind = timeline_kind_name(span->kind);
    json_t *arguments = json_pack("{s:s, s:I}", "kind", kind, "tasks", (json_int_t)span->tasks);
    if (span->label)
        json_object_set_new(arguments, "task", text(span->label));
    put(writer, json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:o}", "name", kind, "cat", kind,
                          "ph", "X", "pid", (json_int_t)process, "tid", (json_int_t)thread, "ts",
                          microseconds(span->start_ns), "dur",
                          microseconds(span->end_ns - span->start_ns), "args", arguments));
}

static void put_timeline(struct writer *writer, size_t process, const struct timeline *timeline)
{
    put_name(writer, "process_name", process, 0, timeline->title);
    for (size_t n = 0; n < timeline->count; n++) {
        const struct timeline_track *track = &timeline->tracks[n];
        put_name(writer, "thread_name", process, n + 1, track->name);
        for (size_t i = 0; i < track->count; i++)
            put_span(writer, process, n + 1, &track->spans[i]);
    }
}

int trace_write(FILE *out, const struct timeline *const *timelines, size_t count)
{
    struct writer writer = {.out = out};
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", out);
    for (size_t n = 0; n < count; n++)
        put_timeline(&writer, n + 1, timelines[n]);
    fputs("\n]}\n", out);
    return writer.error;
}
