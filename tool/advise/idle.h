/* Which waits are for other work of the same program: those cost nothing by themselves. */
#ifndef TOOL_ADVISE_IDLE_H
#define TOOL_ADVISE_IDLE_H

#include "advise/tree.h"

/*
 * A join, a worker without work, a loop without tasks. Looks at who waits, and where; `python`: it
 * is a process with CPython in it.
 */
bool idle_is(const struct tree *tree, const struct tree_level *levels, size_t count,
             enum record_kind kind, uint32_t flags, bool python);

#endif
