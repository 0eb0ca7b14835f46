/* Numbers, durations and sizes, from any text. */
#include "values.h"

#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    uint64_t number = 7;
    ovl_time ns = 7;
    if (value_number(text, &number) == VALUE_OK)
        MUST(number <= INT64_MAX);
    else
        MUST(number == 7);
    number = 7;
    if (value_size(text, &number) == VALUE_OK)
        MUST(number <= INT64_MAX);
    else
        MUST(number == 7);
    MUST(value_duration(text, &ns) == VALUE_OK ? ns >= 0 : ns == 7);
    ns = 7;
    MUST(value_seconds(text, &ns) == VALUE_OK ? ns >= 0 : ns == 7);
    free(text);
    return 0;
}
