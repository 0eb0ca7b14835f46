/* Which asyncio library stands for which blocking one. */
#ifndef TOOL_ADVISE_REPLACE_H
#define TOOL_ADVISE_REPLACE_H

#include "advise/tree.h"

#include <stdbool.h>

struct replacement {
    const char *from; /* the module, as it is imported */
    const char *to;   /* NULL: it has no asyncio form, and threads are what it needs */
};

/* What stands for the library that a line of the program waits in. NULL: none is known. */
const struct replacement *replace_find(const struct tree *tree, const struct line_cost *line);

#endif
