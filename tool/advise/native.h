/*
 * Which call and which turn of a loop the frames of a native stack are in. Their addresses alone
 * tell: within one call, what is called comes later and later in the code, unless there is a loop.
 */
#ifndef TOOL_ADVISE_NATIVE_H
#define TOOL_ADVISE_NATIVE_H

#include "advise/tree.h"

/* A thread's stack as it was seen last, outermost first. */
struct native_level {
    uint64_t address; /* that the frame goes on at */
    uint32_t place;
    uint32_t call;
    uint32_t loop; /* the place of the loop that it is in; 0: none that is known */
    uint32_t turn;
    uint32_t index; /* of the turn, from 1 */
};

struct native_path {
    struct native_level levels[RECORD_LEVELS];
    size_t count;
    uint32_t serial;
};

/* The loop that stands around a line in its source, and the one around that loop; 0: none. Each is
 * looked for once. */
uint32_t native_loop(struct tree *tree, uint32_t place);
uint32_t native_outer_loop(struct tree *tree, uint32_t loop);

/*
 * Fills in the calls and loops of `levels`, whose places are known, for a stack that is seen when
 * the thread waits. `seed`: another one for each thread.
 */
void native_identify(struct native_path *path, struct tree *tree, uint32_t seed,
                     const uint64_t *addresses, struct tree_level *levels, size_t count);

#endif
