/* Bars made of characters. */
#ifndef TOOL_REPORT_BAR_H
#define TOOL_REPORT_BAR_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the text of a bar of this width. */
#define BAR_SIZE(width) (3 * (width) + 4)

/*
 * Writes a bar of `fraction` (0 to 1) of `width` columns: in eighths of a column where `utf8`,
 * otherwise whole '#'. What is more than nothing shows. `buffer` has BAR_SIZE(width) bytes.
 *
 * Returns how many columns it takes.
 */
size_t bar_text(double fraction, size_t width, bool utf8, char *buffer);

#endif
