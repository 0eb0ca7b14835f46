/*
 * Pages: content that follows from the path alone, so that a reader can verify every byte.
 *
 * Any part can be made by itself: the n-th eight bytes are the n-th number of a generator that the
 * path seeds, as printable ASCII. A smaller page is the beginning of a larger one of the same path.
 */
#ifndef TOOL_ORIGIN_PAGE_H
#define TOOL_ORIGIN_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE_MAX (UINT64_C(1) << 40)

struct page {
    uint64_t seed;
    uint64_t size; /* bytes */
};

/*
 * The page of a request target, "/path" or "/path?size=10k": without a size it has `size`.
 *
 * Errors: -EINVAL: the size is no size; -EFBIG: it is larger than PAGE_SIZE_MAX. *ret_page is
 * untouched.
 */
int page_find(const char *target, size_t length, uint64_t size, struct page *ret_page);

/* Writes `size` bytes of the page from `offset` on into `buffer`. The page's size is not looked at.
 */
void page_fill(const struct page *page, uint64_t offset, void *buffer, size_t size);

/* Whether `data` is what the page has from `offset` on, its end included. */
bool page_matches(const struct page *page, uint64_t offset, const void *data, size_t size);

#endif
