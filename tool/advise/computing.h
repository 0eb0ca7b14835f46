/* What is advised for a program that computes, and is not Python's: which of its loops, or which of
 * its functions, is to be run by several at once. */
#ifndef TOOL_ADVISE_COMPUTING_H
#define TOOL_ADVISE_COMPUTING_H

#include "advise/advice.h"

/* Whether it is one. `hot`: where it computes; `seen_inside`: its waits are known. */
bool computing_is(const struct advice *advice, const struct hot *hot, bool seen_inside);

/* Says what to do: sets the bound, the unit, and the recommendation. */
void computing_advise(struct advice *advice, const struct hot *hot);

#endif
