/* The short texts that fetch reads: globs, checksums, lists of them, headers about time, URLs. */
#include "fetch/address.h"
#include "fetch/checksum.h"
#include "fetch/glob.h"
#include "fetch/server.h"
#include "fetch/sums.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_glob(const char *text)
{
    struct glob *glob;
    char *url;
    if (glob_open(text, &glob))
        return;
    for (int n = 0; n < 100 && glob_next(glob, &url); n++) {
        MUST(url);
        free(url);
    }
    glob_free(glob);
}

/* What a checksum is written as, is read as the same. */
static void check_checksum(const char *text)
{
    struct checksum checksum, again;
    char written[CHECKSUM_TEXT_BYTES];
    if (checksum_parse(text, &checksum))
        return;
    checksum_text(&checksum, written);
    MUST(!checksum_parse(written, &again));
    MUST(again.kind == checksum.kind);
    MUST(memcmp(again.bytes, checksum.bytes, checksum_size(checksum.kind)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    double remaining, reset;
    check_glob(text);
    check_checksum(text);
    MUST(server_retry_after(text, 1e9) >= -1);
    if (server_rate_limit(text, &remaining, &reset))
        MUST(remaining >= 0 && reset >= 0);
    if (!address_fault(text)) {
        char *host = address_host(text);
        MUST(host && strchr(host, ':'));
        free(host);
    }
    struct checksum checksum;
    char *name;
    if (sums_read_line(text, &checksum, &name))
        MUST(checksum.kind != CHECKSUM_NONE && name >= text && name <= text + size);
    free(text);
    return 0;
}
