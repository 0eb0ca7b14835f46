/* Options of GNU parallel and xargs that `overlap run` does not have, and what to do instead. */
#ifndef TOOL_RUN_FOREIGN_H
#define TOOL_RUN_FOREIGN_H

#include "options.h"

/* Ends with one that has no name. */
extern const struct foreign_option foreign_options[];

#endif
