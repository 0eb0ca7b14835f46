/* Lists of URLs: lines, their fields, and the options below them. */
#include "fetch/list.h"

#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct item *item = NULL;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        if (item && length > 0 && (*text == ' ' || *text == '\t')) {
            MUST(list_read_option(item, text, length) == 0);
        } else {
            struct item *next = NULL;
            MUST(list_read_line(text, length, 0, &next) == 0);
            if (next) {
                item_free(item);
                item = next;
                MUST(strlen(item->given) <= length);
            }
        }
        text += length + (end ? 1 : 0);
        size -= length + (end ? 1 : 0);
    }
    item_free(item);
    return 0;
}
