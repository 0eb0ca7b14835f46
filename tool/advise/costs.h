/* What Python's own models cost on this machine, with the interpreter that a program ran in. */
#ifndef TOOL_ADVISE_COSTS_H
#define TOOL_ADVISE_COSTS_H

#include <overlap/predict.h>

/*
 * Measures them with the interpreter, within a second, and keeps them in the user's cache for the
 * next time: ~/.cache/overlap/python-costs.json. `interpreter` may be NULL: what was measured
 * elsewhere is taken, and so it is where measuring fails.
 */
void costs_of_python(const char *interpreter, struct ovl_costs *ret);

#endif
