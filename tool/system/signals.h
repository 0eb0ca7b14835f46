/* The signals by which people and machines end a program: Ctrl-C, kill, a terminal that is closed.
 */
#ifndef TOOL_SYSTEM_SIGNALS_H
#define TOOL_SYSTEM_SIGNALS_H

#include <signal.h>

/*
 * Blocks SIGINT, SIGTERM and SIGHUP in this thread and those it starts, so that they wait until
 * they are asked for. One that was ignored from the start (nohup) stays ignored. Returns the
 * blocked ones.
 */
sigset_t signals_block(void);

#endif
