/* What comes back from the transfers: the end of an item, or its next attempt. */
#ifndef TOOL_FETCH_RESULTS_H
#define TOOL_FETCH_RESULTS_H

#include "fetch/run.h"

/* For the executor's stream, as its `each`; `context` is a struct run. */
int results_take(void *context, size_t index, const struct ovl_outcome *outcome,
                 struct ovl_bytes result);

#endif
