#include "advise/document.h"

#include "report/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* File names and functions may hold any bytes. */
static json_t *text_of(const char *text)
{
    char *clean = utf8_clean(text, strlen(text));
    json_t *value = clean ? json_string(clean) : NULL;
    free(clean);
    return value;
}

static json_t *make_waits(const ovl_time *wait_ns)
{
    json_t *waits = json_object();
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        json_object_set_new(waits, advice_kind_name(kind), json_real(seconds(wait_ns[kind])));
    return waits;
}

static json_t *make_threads(const struct thread_times *threads)
{
    json_t *list = json_array();
    for (size_t n = 0; n < threads->count; n++) {
        const struct thread_time *time = &threads->kept[n];
        json_array_append_new(
            list,
            json_pack("{s:i, s:o, s:i, s:f, s:f, s:f, s:o}", "process", time->process, "program",
                      text_of(time->program), "thread", time->thread, "wall_seconds",
                      seconds(time->wall_ns), "cpu_seconds", seconds(time->cpu_ns), "idle_seconds",
                      seconds(time->idle_ns), "waits", make_waits(time->wait_ns)));
    }
    return list;
}

static json_t *make_where(const struct advice *advice)
{
    json_t *list = json_array();
    for (size_t n = 0; n < advice->where_count; n++) {
        const struct advice_where *where = &advice->where[n];
        const struct place *place = &advice->tree->places[where->place];
        json_array_append_new(
            list,
            json_pack("{s:o, s:i, s:o, s:o, s:s, s:f, s:f}", "file", text_of(place->file), "line",
                      place->line, "loop",
                      where->loop_line ? json_integer(where->loop_line) : json_null(), "function",
                      text_of(place->function), "kind", advice_kind_name(where->kind), "seconds",
                      seconds(where->time_ns), "share", where->share));
    }
    return list;
}

static json_t *make_unit(const struct advice *advice)
{
    const struct unit *unit = &advice->unit;
    if (!unit->node && unit->share <= 0)
        return json_null();
    const struct place *call = &advice->tree->places[unit->call];
    json_t *function =
        unit->function ? text_of(advice->tree->places[unit->function].function) : json_null();
    double count = (double)unit->count;
    bool counted = unit->count > 0 && !unit->uncounted;
    return json_pack(
        "{s:o, s:o, s:i, s:o, s:b, s:o, s:o}", "function", function, "file", text_of(call->file),
        "line", call->line, "count", counted ? json_integer((json_int_t)unit->count) : json_null(),
        "at_least", counted && unit->at_least, "cpu_seconds_each",
        counted ? json_real(seconds(unit->spent.cpu_ns) / count) : json_null(), "wait_seconds_each",
        counted ? json_real(seconds(spent_waits(&unit->spent)) / count) : json_null());
}

static json_t *make_prediction(const struct ovl_prediction *prediction)
{
    return json_pack("{s:s, s:I, s:f, s:f, s:f, s:f}", "model", ovl_model_name(prediction->model),
                     "workers", (json_int_t)prediction->workers, "seconds",
                     seconds(prediction->wall_ns), "speedup", prediction->speedup, "seconds_least",
                     seconds(prediction->least_ns), "seconds_most", seconds(prediction->most_ns));
}

static json_t *make_predictions(const struct advice *advice)
{
    json_t *list = json_array();
    for (size_t n = 0; n < advice->prediction_count; n++)
        json_array_append_new(list, make_prediction(&advice->predictions[n]));
    return list;
}

static json_t *make_recommendation(const struct advice *advice)
{
    json_t *replace = json_array();
    for (size_t n = 0; n < advice->replace_count; n++)
        json_array_append_new(replace, json_pack("{s:s, s:s}", "from", advice->replace[n].from,
                                                 "to", advice->replace[n].to));
    return json_pack("{s:s, s:I, s:o, s:o}", "model", ovl_model_name(advice->model), "workers",
                     (json_int_t)advice->workers, "reason", text_of(advice->reason), "replace",
                     replace);
}

static json_t *make_notes(const struct advice *advice)
{
    json_t *list = json_array();
    for (size_t n = 0; n < advice->note_count; n++)
        json_array_append_new(list, text_of(advice->notes[n]));
    return list;
}

int advice_document(FILE *out, const struct advice *advice)
{
    json_t *document =
        json_pack("{s:f, s:f, s:i, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "wall_seconds",
                  seconds(advice->wall_ns), "cpu_seconds", seconds(advice->cpu_ns), "exit_code",
                  advice->exit_code, "waits", make_waits(advice->spent.wait_ns), "threads",
                  make_threads(advice->threads), "looks", (json_int_t)advice->looks, "bound",
                  ovl_bound_name(advice->bound), "where", make_where(advice), "unit",
                  make_unit(advice), "recommendation", make_recommendation(advice), "predictions",
                  make_predictions(advice), "notes", make_notes(advice));
    if (!document)
        return -ENOMEM;
    if (json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0)
        fputc('\n', out);
    json_decref(document);
    return 0;
}
