/* What a process inherits through fork: memory, but no threads. */
#ifndef OVL_BASE_FORK_H
#define OVL_BASE_FORK_H

/*
 * Changes in a child of fork: what was made under another number has no threads here, and locks in
 * it may be held by nobody.
 */
extern unsigned ovl__forks;

#endif
