/* What is advised for a program that does one thing after the other. */
#ifndef TOOL_ADVISE_SEQUENTIAL_H
#define TOOL_ADVISE_SEQUENTIAL_H

#include "advise/advice.h"

/* What an asyncio form would import beside asyncio itself, and what it would no longer: fills that
 * in.
 */
void sequential_libraries(struct advice *advice, struct forecast_setting *setting);

/* Says what to do with its unit of work, which the forecast is of. */
void sequential_advise(struct advice *advice, const struct forecast *forecast);

#endif
