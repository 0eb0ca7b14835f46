/* What compare leaves beside its output: a page, a trace, and timelines in text. */
#ifndef TOOL_COMPARE_REPORT_H
#define TOOL_COMPARE_REPORT_H

#include "compare/comparison.h"
#include "report/artifact.h"
#include "report/terminal.h"

#include <stdio.h>

struct report_files {
    struct artifact page;
    struct artifact trace;
};

/* Opens what is asked for (NULL: is not). 0, or -1 once it has said what is wrong. */
int report_open(struct report_files *files, const char *page, const char *trace);

/* Writes and finishes them. 0, or -1 once it has said what is wrong. */
int report_write(struct report_files *files, const struct comparison_view *views, size_t count);

/* Prints each measure's timeline. */
void report_timelines(FILE *out, const struct comparison_view *views, size_t count,
                      const struct terminal *terminal);

#endif
