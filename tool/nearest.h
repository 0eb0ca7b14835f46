/* The nearest spelling: what somebody may have meant. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

/*
 * The one of `count` words that is the fewest typing errors away from `word` (a letter missing,
 * added, changed, or two swapped), or that `word` is the beginning of; NULL where none is near.
 */
const char *nearest(const char *word, const char *const *words, size_t count);

#define NEAREST_HINT_BYTES 64

/* Writes " (did you mean 'WORD'?)" with the nearest spelling; nothing where none is near. */
void nearest_hint(const char *word, const char *const *words, size_t count,
                  char buffer[NEAREST_HINT_BYTES]);

#endif
