#include "advise/before.h"

#include "report/console.h"

#include <jansson.h>
#include <string.h>

/* What gained less than this was not made concurrent. */
#define UNCHANGED 1.15

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* What was predicted of the model and the workers that were recommended. */
static double predicted_seconds(const json_t *document, const char *model, unsigned workers)
{
    size_t n;
    const json_t *entry;
    json_array_foreach(json_object_get(document, "predictions"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "model"));
        if (name && strcmp(name, model) == 0 && (unsigned)number_of(entry, "workers") == workers)
            return number_of(entry, "seconds");
    }
    return 0;
}

int before_read(const char *path, struct before *ret)
{
    json_error_t error;
    json_t *document = json_load_file(path, 0, &error);
    if (!document) {
        console_error(
            "--check \"%s\": %s: give the file that an earlier `overlap advise --output` wrote",
            path, error.text);
        return -1;
    }
    const json_t *recommendation = json_object_get(document, "recommendation");
    const char *model = json_string_value(json_object_get(recommendation, "model"));
    int result = model && json_is_number(json_object_get(document, "wall_seconds")) ? 0 : -1;
    if (result) {
        console_error("--check \"%s\": this is no document of `overlap advise`", path);
    } else {
        *ret = (struct before){.wall_seconds = number_of(document, "wall_seconds"),
                               .workers = (unsigned)number_of(recommendation, "workers"),
                               .exit_code = (int)number_of(document, "exit_code")};
        snprintf(ret->model, sizeof ret->model, "%s", model);
        ret->predicted_seconds = predicted_seconds(document, ret->model, ret->workers);
    }
    json_decref(document);
    return result;
}

/* A model by its name in the document. */
static enum ovl_model model_named(const char *name)
{
    for (int model = 0; model < OVL_MODEL_COUNT; model++)
        if (strcmp(ovl_model_name((enum ovl_model)model), name) == 0)
            return (enum ovl_model)model;
    return OVL_SYNC;
}

void before_show(FILE *out, const struct before *before, const struct advice *now)
{
    double wall_seconds = (double)now->wall_ns / (double)OVL_SECOND;
    double came = before->wall_seconds / wall_seconds;
    if (now->exit_code != before->exit_code) {
        fprintf(out,
                "\noverlap advise: before it ended with exit code %d, and now with %d: its times, "
                "%.3f s and %.3f s, do not compare\n",
                before->exit_code, now->exit_code, before->wall_seconds, wall_seconds);
        return;
    }
    fprintf(out, "\noverlap advise: before %.3f s, now %.3f s: %.2f times as fast\n",
            before->wall_seconds, wall_seconds, came);
    if (before->predicted_seconds <= 0) {
        fprintf(out, "  Nothing was predicted: it was to stay as it was.\n");
        return;
    }
    double predicted = before->wall_seconds / before->predicted_seconds;
    enum ovl_model model = model_named(before->model);
    fprintf(out, "  Predicted for %s, %u %s: %.3f s, %.2f times. ", advice_model_words(now, model),
            before->workers, model == OVL_ASYNC ? "tasks in flight" : "of them",
            before->predicted_seconds, predicted);
    if (now->present.model == OVL_SYNC && came < UNCHANGED)
        fprintf(out, "It still does one after the other.\n");
    else
        fprintf(out, "The prediction was off by %+.0f%%.\n", 100 * (predicted / came - 1));
}
