/* A timeline on the terminal, in plain text: --timeline. */
#ifndef TOOL_REPORT_CHART_H
#define TOOL_REPORT_CHART_H

#include "report/terminal.h"
#include "report/timeline.h"

#include <stdio.h>

/* Prints the timeline as wide as the terminal allows: a line a track, at most `lines` of them, with
 * one that says what the others are; then what the signs mean. */
void chart_print(FILE *out, const struct timeline *timeline, size_t lines,
                 const struct terminal *terminal);

#endif
