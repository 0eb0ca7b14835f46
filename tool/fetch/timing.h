/* What --report and --trace show: which transfer ran where, and when. */
#ifndef TOOL_FETCH_TIMING_H
#define TOOL_FETCH_TIMING_H

#include "fetch/attempt.h"
#include "fetch/item.h"
#include "fetch/settings.h"

#include <stddef.h>
#include <stdint.h>

struct timing;
struct run;

/*
 * Opens the files that are asked for. Returns 0 and *ret_timing, which is NULL where none is; or
 * the exit code once it has said what is wrong.
 */
int timing_open(const struct settings *settings, ovl_time start, struct timing **ret_timing);

/* An attempt ended. `timing` may be NULL, here and below. */
void timing_add(struct timing *timing, const struct item *item, const struct reply *reply,
                uint32_t place);

/* Writes the files. Returns `code`, or EXIT_REFUSED once it has said what is wrong. */
int timing_finish(struct timing *timing, const struct run *run, int code);

void timing_free(struct timing *timing);

#endif
