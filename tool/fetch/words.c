#include "fetch/words.h"

#include "report/console.h"

#include <stdlib.h>

int words_take(void *target, const char *text)
{
    struct words *words = target;
    const char **list = realloc(words->list, (words->count + 1) * sizeof *list);
    if (!list) {
        console_error("there is no memory for '%s'", text);
        return -1;
    }
    list[words->count++] = text;
    words->list = list;
    return 0;
}

void words_release(struct words *words)
{
    free(words->list);
    *words = (struct words){0};
}
