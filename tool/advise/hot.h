/*
 * Where a program that is not Python's computes, as samples of its stacks tell: how long in each of
 * its own functions and loops, with all that they call.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_HOT_H
#define TOOL_ADVISE_HOT_H

#include "advise/tree.h"

#define HOT_SPOTS 512

struct hot_spot {
    uint32_t place; /* of the function's first line; of the loop's head */
    bool loop;
    uint32_t depth; /* the least that it was seen at: 1 for what is outermost */
    ovl_time cpu_ns;
    uint32_t
        callee; /* the function of the user's own that it calls most; 0: it mostly calls none */
    ovl_time callee_ns; /* how far that one is ahead of all others */
};

struct hot {
    struct hot_spot spots[HOT_SPOTS];
    size_t count;
    ovl_time cpu_ns; /* of all samples */
};

/* A stack, outermost first, computed for so long. */
void hot_add(struct hot *hot, struct tree *tree, const struct tree_level *levels, size_t count,
             ovl_time cpu_ns);

/*
 * The outermost loop that at least `share` of all computing was in; where there is none, the
 * innermost function that it was in. NULL: there is none either.
 */
const struct hot_spot *hot_find(const struct hot *hot, const struct tree *tree, double share);

#endif
