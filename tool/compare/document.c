#include "compare/document.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

static json_t *number_or_null(double number)
{
    return number > 0 ? json_real(number) : json_null();
}

static json_t *make_waits(const struct ovl_ledger_sum *sum)
{
    json_t *waits = json_object();
    for (int n = 0; n < OVL_WAIT_COUNT; n++)
        json_object_set_new(waits, ovl_wait_name(n), json_real(seconds(sum->wait_ns[n])));
    json_object_set_new(waits, ovl_segment_name(OVL_UNSEEN), json_real(seconds(sum->unseen_ns)));
    return waits;
}

static json_t *make_measure(const struct measure_view *measure, double speedup)
{
    return json_pack("{s:s, s:I, s:f, s:f, s:o, s:o, s:I, s:I, s:I, s:s?, s:o}", "model",
                     ovl_model_name(measure->model), "workers", (json_int_t)measure->workers,
                     "wall_seconds", seconds(measure->wall_ns), "cpu_seconds",
                     seconds(measure->cpu_ns), "speedup", number_or_null(speedup),
                     "predicted_seconds", number_or_null(seconds(measure->predicted_ns)), "done",
                     (json_int_t)measure->done, "failed", (json_int_t)measure->failed,
                     "not_started", (json_int_t)measure->not_started, "crash",
                     measure->crash[0] ? measure->crash : NULL, "waits", make_waits(&measure->sum));
}

static json_t *make_verdict(const struct comparison_view *view)
{
    const struct ovl_verdict *verdict = &view->verdict;
    const char *model = view->decided ? ovl_model_name(verdict->model) : NULL;
    json_t *workers = view->decided ? json_integer(verdict->workers) : json_null();
    return json_pack("{s:s, s:s?, s:o, s:s}", "bound", ovl_bound_name(verdict->bound), "model",
                     model, "workers", workers, "reason", verdict->reason);
}

static json_t *make_comparison(const struct comparison_view *view)
{
    json_t *measures = json_array();
    for (size_t n = 0; n < view->count; n++)
        json_array_append_new(measures, make_measure(&view->measures[n], view->speedups[n]));
    return json_pack("{s:I, s:o, s:o}", view->program->nouns, (json_int_t)view->program->count,
                     "models", measures, "verdict", make_verdict(view));
}

int document_print(const struct comparison_view *views, size_t count)
{
    json_t *document = json_object();
    int error = 0;
    for (size_t n = 0; n < count; n++)
        error |= json_object_set_new(document, views[n].program->name, make_comparison(&views[n]));
    /* A write that fails is output_finish's to tell. */
    if (!error && json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0)
        putchar('\n');
    json_decref(document);
    return error ? -ENOMEM : 0;
}
