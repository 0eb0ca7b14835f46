/* A run of bytes that somebody else owns. */
#ifndef OVERLAP_BYTES_H
#define OVERLAP_BYTES_H

#include <stddef.h>

struct ovl_bytes {
    const void *data; /* NULL only where size is 0 */
    size_t size;      /* bytes */
};

#endif
