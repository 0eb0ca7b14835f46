/* The supply: which job is begun next, of what the input has, and when. The context is the run. */
#ifndef TOOL_RUN_SUPPLY_H
#define TOOL_RUN_SUPPLY_H

#include "run/call.h"

/* `next` and `later` of the stream of jobs. */
int supply_next(void *run, struct ovl_bytes *ret_item);
ovl_time supply_later(void *run);

/* Counts what was not begun, as far as it comes without a long wait. */
void supply_count_rest(struct run *run);

#endif
