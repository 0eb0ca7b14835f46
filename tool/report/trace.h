/* What --trace writes: the trace-event format that Perfetto and Chrome's tracing page open. */
#ifndef TOOL_REPORT_TRACE_H
#define TOOL_REPORT_TRACE_H

#include "report/timeline.h"

#include <stdio.h>

/*
 * Writes timelines as one JSON document: each is a process, its tracks are threads, its spans are
 * complete events, times in microseconds. Whether the stream could be written is its owner's to
 * ask. 0, or -ENOMEM.
 */
int trace_write(FILE *out, const struct timeline *const *timelines, size_t count);

#endif
