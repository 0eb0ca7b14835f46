/* --check: what was predicted by an earlier run's document, beside what came. */
#ifndef TOOL_ADVISE_BEFORE_H
#define TOOL_ADVISE_BEFORE_H

#include "advise/advice.h"

#include <stdbool.h>
#include <stdio.h>

/* An earlier document. */
struct before {
    double wall_seconds;
    double predicted_seconds; /* of what was recommended; 0: nothing was */
    char model[16];
    unsigned workers;
    int exit_code;
};

/* Reads it. Returns 0, or -1 once it has said what is wrong. */
int before_read(const char *path, struct before *ret);

/* Says it, in a few lines. `now`: what was found this time. */
void before_show(FILE *out, const struct before *before, const struct advice *now);

#endif
