/* The waits that the agent of a process wrote down: taken out of its ring, and added up. */
#ifndef TOOL_ADVISE_RING_H
#define TOOL_ADVISE_RING_H

#include "advise/observation.h"

/* Takes all that are there. */
void ring_empty(struct observation *observed, struct process *process);

/*
 * The same up to a mark. What a parent waited for is told by what its child wrote down before that
 * ended: parents are marked first, and emptied last.
 */
void ring_mark(struct observation *observed);
void ring_empty_marked(struct observation *observed, struct process *process);

#endif
