/* What is advised for a program that is concurrent already: what it has, and what holds it back. */
#ifndef TOOL_ADVISE_CONCURRENT_H
#define TOOL_ADVISE_CONCURRENT_H

#include "advise/advice.h"

/* An event loop: what holds it up is what there is to say. */
void concurrent_advise_loop(struct advice *advice);

/* Threads or processes: whether there are enough of them, and whether the GIL is in the way. */
void concurrent_advise_pool(struct advice *advice, const struct forecast *forecast);

/* The same where no unit of work was seen. */
void concurrent_advise_unknown(struct advice *advice);

/* Whether it has processes, and these are mostly started and handed things to, instead of doing
 * their tasks; and what there is to say of that. */
bool concurrent_is_plumbing(const struct advice *advice);
void concurrent_advise_plumbing(struct advice *advice);

#endif
