/* The embedded server's requests, from any bytes, and the pages that they ask for. */
#include "origin/request.h"
#include "origin/page.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    const char *bytes = (const char *)data;
    ssize_t used = request_parse(bytes, size, &request);
    MUST(used <= (ssize_t)size);
    if (used <= 0)
        return 0;
    bool root = request.target_length == 1 && *request.target == '/';
    MUST(root ||
         (request.target >= bytes && request.target + request.target_length <= bytes + size));
    struct page page;
    char part[64];
    if (page_find(request.target, request.target_length, 1000, &page) == 0) {
        size_t length = page.size < sizeof part ? (size_t)page.size : sizeof part;
        page_fill(&page, 0, part, length);
        MUST(page_matches(&page, 0, part, length));
    }
    return 0;
}
