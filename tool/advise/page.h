/* The page that `overlap advise` shows: what binds the program, where, what to do, what it gains.
 */
#ifndef TOOL_ADVISE_PAGE_H
#define TOOL_ADVISE_PAGE_H

#include "advise/advice.h"
#include "report/terminal.h"

#include <stdio.h>

void advice_page(FILE *out, const struct advice *advice, const struct terminal *terminal);

#endif
