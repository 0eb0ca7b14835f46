/* Strings that an option gave, one each time it was given. */
#ifndef TOOL_FETCH_WORDS_H
#define TOOL_FETCH_WORDS_H

#include <stddef.h>

/* All zero: none. The strings are somebody else's. */
struct words {
    const char **list;
    size_t count;
};

/* As option_take_fn: `target` is a struct words, to which `text` is added. */
int words_take(void *target, const char *text);

void words_release(struct words *words);

#endif
