/* For loops: where they are in a code object, and which turn of them a frame is in. */
#ifndef TOOL_ADVISE_PYTHON_LOOPS_H
#define TOOL_ADVISE_PYTHON_LOOPS_H

#include "advise/python/frames.h"

/* Fills in the loops of `code`. */
void python_loops_find(struct python_reader *reader, struct python_code *code);

/* Fills in the loops that `frame`, which stands at `address`, is in. `calls_c`: what it called is
 * C's, which may be one that takes what map makes. */
void python_loops_read(struct python_reader *reader, uint64_t address,
                       const struct python_code *code, bool calls_c, struct python_frame *frame);

#endif
