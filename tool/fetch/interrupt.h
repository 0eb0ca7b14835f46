/* Ctrl-C and its kin: the first asks all to end; another, a tenth of a second later or more, ends
 * the command at once. */
#ifndef TOOL_FETCH_INTERRUPT_H
#define TOOL_FETCH_INTERRUPT_H

#include <signal.h>
#include <stdatomic.h>

/* From now on a signal sets *flag. One that was ignored from the start (nohup) stays ignored. */
void interrupt_watch(atomic_bool *flag);

/* Threads and processes that begin between these two leave the signals to the one that calls them.
 */
void interrupt_hold(sigset_t *ret_before);
void interrupt_release(const sigset_t *before);

#endif
