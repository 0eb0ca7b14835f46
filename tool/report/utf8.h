/* Text of unknown origin, made into UTF-8. */
#ifndef TOOL_REPORT_UTF8_H
#define TOOL_REPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character at the start of `text` takes, of which `size` are there; 0: none
 * that is valid UTF-8 (no surrogate, none in too many bytes, none past U+10FFFF). */
size_t utf8_character(const char *text, size_t size);

bool utf8_is_valid(const char *text, size_t size);

/*
 * A copy in which every byte that is no part of a character is U+FFFD, and a zero byte is too.
 * The caller frees it. NULL: no memory.
 */
char *utf8_clean(const char *text, size_t size);

#endif
