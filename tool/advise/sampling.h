/* Looks at the threads of a process that has a record: where they compute. */
#ifndef TOOL_ADVISE_SAMPLING_H
#define TOOL_ADVISE_SAMPLING_H

#include "advise/observation.h"

/* Looks once at each. */
void sampling_look(struct observation *observed, struct process *process);

#endif
