/*
 * A process without an agent, looked at from outside: what its threads compute and wait for is
 * known as often as they are looked at.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_OUTSIDE_H
#define TOOL_ADVISE_OUTSIDE_H

#include "advise/observation.h"

/* Begins to look at a process that runs already. 0, or a negative errno: -ESRCH, -EPERM, -ENOMEM;
 * -ENODATA: it has ended, and its parent has not waited for it. */
int outside_open(struct observation *observed, pid_t pid);

/*
 * Adds the children of what is looked at that are without an agent for a while already: they are
 * linked statically, or have other rights.
 */
void outside_find(struct observation *observed);

/* Looks once at each of its threads. */
void outside_look(struct observation *observed, struct process *process);

#endif
