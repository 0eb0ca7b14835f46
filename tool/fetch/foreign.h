/* Options of curl, wget and aria2c that `overlap fetch` does not have, and what to do instead. */
#ifndef TOOL_FETCH_FOREIGN_H
#define TOOL_FETCH_FOREIGN_H

#include "options.h"

/* Ends with one that has no name. */
extern const struct foreign_option fetch_foreign_options[];

#endif
