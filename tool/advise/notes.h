/* What is said beside the advice: what could not be seen, and what else took time. */
#ifndef TOOL_ADVISE_NOTES_H
#define TOOL_ADVISE_NOTES_H

#include "advise/advice.h"

/* Adds these notes; those of the advice itself come before. */
void notes_add(struct advice *advice, const struct observation *observed);

#endif
