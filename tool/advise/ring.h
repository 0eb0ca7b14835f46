/* The waits that the agent of a process wrote down: taken out of its ring, and added up. */
#ifndef TOOL_ADVISE_RING_H
#define TOOL_ADVISE_RING_H

#include "advise/observation.h"

/* Takes all that are there. */
void ring_empty(struct observation *observed, struct process *process);

#endif
