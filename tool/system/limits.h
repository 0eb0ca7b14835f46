/* How much of the machine this process may use. */
#ifndef TOOL_SYSTEM_LIMITS_H
#define TOOL_SYSTEM_LIMITS_H

#include <stddef.h>

/* Raises the limit of open descriptors to what the machine allows. Returns how many that is. */
size_t limits_raise_descriptors(void);

#endif
