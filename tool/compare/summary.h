/* The comparison as people read it: a table for each program, and a verdict. */
#ifndef TOOL_COMPARE_SUMMARY_H
#define TOOL_COMPARE_SUMMARY_H

#include "compare/comparison.h"
#include "report/terminal.h"

/* Prints `count` comparisons on standard output. */
void summary_print(const struct comparison_view *views, size_t count,
                   const struct terminal *terminal);

#endif
