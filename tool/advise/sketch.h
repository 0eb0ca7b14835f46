/* A few lines of code: the change that is advised, with the names of the program in it. */
#ifndef TOOL_ADVISE_SKETCH_H
#define TOOL_ADVISE_SKETCH_H

#include "advise/advice.h"

#include <stdio.h>

/* Writes the sketch, each line after `indent`. Nothing where no change is advised. */
void sketch_write(FILE *out, const struct advice *advice, const char *indent);

#endif
