/* Which models to compare, and with how many workers. */
#ifndef TOOL_COMPARE_MODELS_H
#define TOOL_COMPARE_MODELS_H

#include "compare/program.h"

#include <stddef.h>

/* Those that there are to choose among, auto and cluster. */
#define MODELS_MOST (OVL_MODEL_COUNT + 2)

struct models {
    size_t count;
    enum ovl_model list[MODELS_MOST];
};

/* All that one machine has, in the order in which they are explained. */
struct models models_all(void);

/* Reads "sync,async" into a struct models. Returns 0, or -1 once it has said what is wrong. */
int models_take(void *models, const char *text);

/* Whether one of them is `model`. */
bool models_have(const struct models *models, enum ovl_model model);

/* How many workers a model gets for a program: `asked`, or, where that is 0, as many as suit both.
 */
unsigned models_workers(enum ovl_model model, const struct program *program, unsigned asked);

#endif
