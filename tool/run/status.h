/* How far the jobs are, while they run: on a terminal, or as lines. */
#ifndef TOOL_RUN_STATUS_H
#define TOOL_RUN_STATUS_H

#include "run/choices.h"
#include "run/job.h"

struct status;

/*
 * Begins to show it. NULL: nothing is to be shown, and the functions below take it.
 * status_end leaves a terminal as it was, and tells the end elsewhere.
 */
struct status *status_new(const struct choices *choices, long long total);
void status_add(struct status *status, const struct job *job);
void status_end(struct status *status);
void status_free(struct status *status);

#endif
