/*
 * What the executor is fed with: items are read and planned some way ahead, so that hosts take
 * turns, and those whose turn it is become orders.
 */
#ifndef TOOL_FETCH_FEED_H
#define TOOL_FETCH_FEED_H

#include "fetch/run.h"

/* So many items are planned ahead. */
#define FEED_AHEAD 2000

/* For the executor's stream, as ovl_stream_next_fn and `later`; `context` is a struct run. */
int feed_next(void *context, struct ovl_bytes *ret_item);
ovl_time feed_wake(void *context);

/* Puts an item into the schedule; where there is no memory for that, it has failed. */
void feed_put(struct run *run, struct item *item);

/* At the end: what was not begun is counted, and told. */
void feed_rest(struct run *run);

#endif
