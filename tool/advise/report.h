/* --report and --trace: the run as it was, beside what is predicted of it. */
#ifndef TOOL_ADVISE_REPORT_H
#define TOOL_ADVISE_REPORT_H

#include "advise/advice.h"
#include "report/timeline.h"

#include <stdio.h>

/* Writes the page, one HTML file. Whether the stream could be written is its owner's to ask. */
void advice_report(FILE *out, const struct advice *advice, const struct timeline *ran,
                   char **command);

/* Writes the trace: the run, and the recommendation as predicted. 0 or -ENOMEM. */
int advice_trace(FILE *out, const struct advice *advice, const struct timeline *ran);

#endif
