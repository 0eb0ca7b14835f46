/* The names of a module: what one of them stands for now. */
#ifndef TOOL_ADVISE_PYTHON_NAMES_H
#define TOOL_ADVISE_PYTHON_NAMES_H

#include "advise/python/frames.h"

/* The name that is number `number` of those that a code object uses. 0: it could not be read. */
uint64_t python_name(struct python_reader *reader, uint64_t code, uint32_t number);

/* Finds the value of a name in the dict that holds a module's. Returns whether it has one. */
bool python_name_value(struct python_reader *reader, uint64_t dict, uint64_t name,
                       uint64_t *ret_value);

/* Finds a number that is another one when one of the youngest 240 names stands for something else.
 */
bool python_names_state(struct python_reader *reader, uint64_t dict, uint64_t *ret_state);

#endif
