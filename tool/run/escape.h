/* Escapes in options that take characters: \n, \t, \r, \0, \\ and \xHH. */
#ifndef TOOL_RUN_ESCAPE_H
#define TOOL_RUN_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* One character, or an escape for one. False: the text is neither. */
bool escape_character(const char *text, char *ret);

/* Appends the text's bytes, its escapes read, at `ret`, which has room for strlen(text); a
 * backslash that begins no escape is one. Returns how many. */
size_t escape_text(const char *text, char *ret);

#endif
