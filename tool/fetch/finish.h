/* The end of an item: what is told of it, and what it leaves. */
#ifndef TOOL_FETCH_FINISH_H
#define TOOL_FETCH_FINISH_H

#include "fetch/run.h"

/*
 * The item has come to its end: item->state and what belongs to it are set. Where the order counts
 * (standard output, names from the server), it waits for those before it. It may be freed.
 */
void finish_item(struct run *run, struct item *item);

/* Whether files get their names here, in order, and not in the tasks. */
bool finish_publishes(const struct run *run);

/* Tells the items that still wait, when no more will end. */
void finish_rest(struct run *run);

#endif
