/* Names that URLs and servers propose: whatever they are, a file in the folder comes of them. */
#include "fetch/name.h"

#include "fetch/disposition.h"
#include "report/utf8.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check(char *name)
{
    size_t size = strlen(name);
    MUST(size > 0 && size <= NAME_BYTES_MAX);
    MUST(utf8_is_valid(name, size));
    MUST(!strpbrk(name, "/\\:*?\"<>|"));
    MUST(*name != '.' && *name != '-' && *name != '~');
    for (const char *at = name; *at; at++)
        MUST((unsigned char)*at >= ' ' && *at != 0x7f);
    MUST(name_stays_inside(name));
    char *again = name_clean(name, size);
    MUST(again && strcmp(again, name) == 0);
    char *numbered = name_numbered(name, 7);
    MUST(numbered && strcmp(numbered, name) != 0 && name_stays_inside(numbered));
    free(numbered);
    free(again);
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    check(name_clean((const char *)data, size));
    check(name_of_url(text));
    char *proposed = disposition_name(text);
    if (proposed)
        check(proposed);
    free(text);
    return 0;
}
