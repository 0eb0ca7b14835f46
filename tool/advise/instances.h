/*
 * Of each node of the tree, single calls and turns: thinned out evenly, and of all nodes together
 * no more than a number.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_INSTANCES_H
#define TOOL_ADVISE_INSTANCES_H

#include "advise/tree.h"

/* Of all nodes together, and as much more as one node may have: 2.2 MB. */
#define INSTANCES_MAX 16000

/* One has ended, and is in the node's wall_ns. Where there is no memory, it is not kept. */
void instances_keep(struct tree *tree, struct node *node, const struct tree_open *open,
                    ovl_time end_ns);

#endif
