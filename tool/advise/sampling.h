/* Looks at the threads of a process that has a record: where they compute. */
#ifndef TOOL_ADVISE_SAMPLING_H
#define TOOL_ADVISE_SAMPLING_H

#include "advise/observation.h"

/* Looks once at each, unless it waits. */
void sampling_look(struct observation *observed, struct process *process);

/* Whether none of its threads is being stopped any more: each would be held by that when it ends.
 */
bool sampling_is_over(struct process *process);

/*
 * For a process that is not Python's: the stack of a thread as it is now, outermost first, with the
 * addresses that its levels are at. Returns how many levels; 0: it was not to be had.
 */
size_t sampling_stack(struct observation *observed, struct process *process,
                      struct watched_thread *thread, uint64_t *ret_addresses,
                      struct tree_level *ret_levels);

/* For how long looks kept the thread stopped since this was asked last: on a busy machine that may
 * be long, and is no wait of the thread's. */
ovl_time sampling_held(struct watched_thread *thread, ovl_time now_ns);

/* Adds what the thread computed to the line where it does, if it does just now. `total_ns`: its
 * processor time. */
void sampling_line(struct observation *observed, struct process *process,
                   struct watched_thread *thread, ovl_time total_ns);

#endif
