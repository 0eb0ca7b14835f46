/* Ctrl-C and its kin: the first asks all to end, the second ends the command at once. */
#ifndef TOOL_FETCH_INTERRUPT_H
#define TOOL_FETCH_INTERRUPT_H

#include <stdatomic.h>

/* From now on a signal sets *flag. One that was ignored from the start (nohup) stays ignored. */
void interrupt_watch(atomic_bool *flag);

#endif
