/* Jobs that have ended, to be taken in the order of their numbers, from 1, without gaps. */
#ifndef TOOL_RUN_ORDER_H
#define TOOL_RUN_ORDER_H

#include "run/job.h"

struct order;

/* NULL: no memory. */
struct order *order_new(void);

/* It must be empty. NULL is allowed. */
void order_free(struct order *order);

/* 0 or -ENOMEM. */
int order_put(struct order *order, struct job *job);

/* The job whose turn it is; NULL: it has not been put. */
struct job *order_take(struct order *order);

/* The first there is, whosever turn it is; NULL: there is none. */
struct job *order_pop(struct order *order);

size_t order_count(const struct order *order);

#endif
