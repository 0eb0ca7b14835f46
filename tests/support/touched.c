#include "touched.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages between may never have been touched; two below the top are left out, for the guard. */
size_t stack_touched(const void *top)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)top & ~(page - 1);
    uintptr_t lowest = first;
    for (uintptr_t at = first; first - at < STACK_BYTES - 2 * page; at -= page) {
        unsigned char is_there = 0;
        if (!mincore((void *)at, page, &is_there) && is_there & 1)
            lowest = at;
    }
    return (uintptr_t)top - lowest;
}
