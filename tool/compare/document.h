/* The comparison as a JSON document: docs/json/compare.schema.json. */
#ifndef TOOL_COMPARE_DOCUMENT_H
#define TOOL_COMPARE_DOCUMENT_H

#include "compare/comparison.h"

/* Prints one document of `count` comparisons on standard output. Errors: -ENOMEM. */
int document_print(const struct comparison_view *views, size_t count);

#endif
