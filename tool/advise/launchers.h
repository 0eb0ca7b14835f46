/*
 * What starts a program and then only stands around it: env, timeout, a shell's script, a shim of
 * shells that ends in exec. Once the program itself shows, what they did is folded away.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_LAUNCHERS_H
#define TOOL_ADVISE_LAUNCHERS_H

#include "advise/observation.h"

/* Whether a process only runs others, as a shell does: its waits for them are what they do. */
bool launchers_only_run_others(const struct process *process);

/*
 * A process is found, and not yet among observed->processes: says what it is, and whether it is the
 * program that all the others there, up to now, were launchers of. These are marked then.
 */
bool launchers_find(struct observation *observed, struct process *process);

/* What they computed. */
ovl_time launchers_cpu(const struct observation *observed);

#endif
