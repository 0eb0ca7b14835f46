/*
 * A process that runs already, looked at from outside: no agent, so waits are known as often as
 * they are looked at.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_ATTACH_H
#define TOOL_ADVISE_ATTACH_H

#include "advise/observation.h"

/* Begins to look at a process. 0, or a negative errno: -ESRCH, -EPERM, -ENOMEM. */
int attach_open(struct observation *observed, int pid);

/* Looks once. Returns whether the process is still there. To be called every observed->period_ns.
 */
bool attach_look(struct observation *observed);

#endif
