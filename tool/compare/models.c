#include "compare/models.h"

#include "nearest.h"
#include "report/console.h"

#include <stdio.h>
#include <string.h>

/* More names than any list has that repeats no model. */
#define NAME_MAX_LENGTH 64

struct models models_all(void)
{
    return (struct models){
        .count = OVL_MODEL_COUNT + 1,
        .list = {OVL_SYNC, OVL_THREADS, OVL_ASYNC, OVL_PROCESSES, OVL_AUTO},
    };
}

bool models_have(const struct models *models, enum ovl_model model)
{
    for (size_t n = 0; n < models->count; n++)
        if (models->list[n] == model)
            return true;
    return false;
}

static int complain_unknown(const char *name)
{
    static const char *const names[] = {"sync",        "threads",   "async",   "processes",
                                        "synchronous", "threading", "asyncio", "multiprocessing",
                                        "auto",        "cluster"};
    char hint[NEAREST_HINT_BYTES];
    nearest_hint(name, names, sizeof names / sizeof *names, hint);
    console_error(
        "unknown model '%s'%s; there are sync, threads, async, processes, auto and cluster", name,
        hint);
    return -1;
}

static int add(struct models *models, const char *name)
{
    enum ovl_model model;
    if (ovl_model_parse(name, &model) != 0)
        return complain_unknown(name);
    if (models_have(models, model)) {
        console_error("--models names %s twice; name each model once", ovl_model_name(model));
        return -1;
    }
    models->list[models->count++] = model;
    return 0;
}

int models_take(void *target, const char *text)
{
    struct models models = {.count = 0};
    if (!*text) {
        console_error("--models: its value is empty; give a list such as sync,async");
        return -1;
    }
    for (const char *rest = text; rest; rest = rest[0] == ',' ? rest + 1 : NULL) {
        char name[NAME_MAX_LENGTH];
        size_t length = strcspn(rest, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, rest);
        if (add(&models, name) < 0)
            return -1;
        rest += length;
    }
    *(struct models *)target = models;
    return 0;
}

unsigned models_workers(enum ovl_model model, const struct program *program, unsigned asked)
{
    if (model == OVL_SYNC)
        return 1;
    if (asked)
        return asked;
    if (model == OVL_ASYNC || model == OVL_AUTO) {
        size_t most = program->workers_most ? program->workers_most : OVL_COROUTINES_MAX;
        return (unsigned)(program->count < most ? program->count : most);
    }
    if (model == OVL_CLUSTER)
        return ovl_model_default_workers(model);
    /* Threads beyond the cores help what waits, and nothing else. */
    return ovl_model_default_workers(program->spreads ? model : OVL_PROCESSES);
}
