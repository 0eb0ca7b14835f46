/*
 * The end of processes and of their threads: what is left of them is added up.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_ENDING_H
#define TOOL_ADVISE_ENDING_H

#include "advise/observation.h"

/* Adds up what is left of a process, which is over, or what is known of one that is not. */
void ending_process(struct observation *observed, struct process *process);

/* The same for those of its threads that are over, where there are many: the others' memory is
 * given back. Its ring has been emptied. */
void ending_threads(struct observation *observed, struct process *process);

#endif
