/*
 * The code of a program that is not Python's, as the tree's places: what its addresses belong to,
 * found once each.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_CODE_H
#define TOOL_ADVISE_CODE_H

#include "advise/symbols.h"
#include "advise/tree.h"

struct code;

/* That of a process; `record` may be NULL. NULL: no memory. */
struct code *code_open(pid_t pid, const struct record *record);
void code_close(struct code *code);

/*
 * The levels of a stack that is given by addresses which are returned to, outermost first:
 * functions that became a part of another one have a level of their own, and of a stack that is
 * deeper than RECORD_LEVELS the middle is left out. `ret_addresses` are those that the levels are
 * at. Returns how many.
 */
size_t code_levels(struct code *code, struct tree *tree, const uint64_t *addresses, size_t count,
                   uint64_t *ret_addresses, struct tree_level *ret_levels);

/* The same for a thread that was stopped. */
size_t code_levels_of(struct code *code, struct tree *tree, const struct stopped *stack,
                      uint64_t *ret_addresses, struct tree_level *ret_levels);

#endif
