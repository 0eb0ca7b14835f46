#include "compare/failures.h"

#include "report/console.h"

#include <stdio.h>

/* What failed in this way before, or a new kind. */
static struct failure_kind *find_kind(struct failures *failures, const struct ovl_outcome *outcome)
{
    for (size_t n = 0; n < failures->kinds; n++)
        if (failures->kind[n].error == outcome->error &&
            failures->kind[n].detail == outcome->detail)
            return &failures->kind[n];
    if (failures->kinds == FAILURE_KINDS)
        return &failures->kind[FAILURE_KINDS - 1];
    struct failure_kind *kind = &failures->kind[failures->kinds++];
    *kind = (struct failure_kind){.error = outcome->error, .detail = outcome->detail};
    return kind;
}

/* Notes that an item is named: false where it was before, or where enough others were. */
static bool note_item(struct failure_kind *kind, size_t item)
{
    if (kind->named == FAILURES_NAMED)
        return false;
    for (size_t n = 0; n < kind->named; n++)
        if (kind->items[n] == item)
            return false;
    kind->items[kind->named++] = item;
    return true;
}

/* The library tells of its own errors which worker, and more; the program of its tasks'. */
static void describe(const struct failures *failures, const struct ovl_outcome *outcome,
                     char *buffer, size_t size)
{
    if (ovl_error_name(outcome->error))
        ovl_outcome_text(outcome, buffer, size);
    else
        failures->program->describe_error(failures->program->self, outcome->error, buffer, size);
}

void failures_add(struct failures *failures, size_t index, const struct ovl_outcome *outcome)
{
    struct failure_kind *kind = find_kind(failures, outcome);
    kind->count++;
    if (!note_item(kind, index % failures->program->distinct))
        return;
    char item[512];
    char error[256];
    failures->program->describe_item(failures->program->self, index, item, sizeof item);
    describe(failures, outcome, error, sizeof error);
    console_error("%s: %s: %s", failures->model, item, error);
}

void failures_finish(const struct failures *failures)
{
    for (size_t n = 0; n < failures->kinds; n++) {
        const struct failure_kind *kind = &failures->kind[n];
        if (kind->count == kind->named)
            continue;
        char error[256];
        const struct ovl_outcome outcome = {
            .error = kind->error,
            .detail = kind->detail,
            .worker = OVL_NO_WORKER,
            .attempts = 1,
        };
        describe(failures, &outcome, error, sizeof error);
        console_error("%s: and %zu more of the %zu %s: %s", failures->model,
                      kind->count - kind->named, failures->program->count, failures->program->nouns,
                      error);
    }
}
