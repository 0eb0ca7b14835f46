/* What a measure's workers did, as a timeline. */
#ifndef TOOL_COMPARE_PICTURE_H
#define TOOL_COMPARE_PICTURE_H

#include "report/timeline.h"

#include <overlap/ledger.h>

/*
 * Makes a timeline of a ledger's records, with a track for each worker, beginning at `start`.
 * NULL: no memory.
 */
struct timeline *picture_of(struct ovl_ledger *ledger, const char *title, ovl_time start,
                            ovl_time length_ns);

#endif
