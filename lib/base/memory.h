/* Memory, through the seam to the system; freed with free(). */
#ifndef OVL_BASE_MEMORY_H
#define OVL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* `size` bytes of zeros, or NULL. */
void *ovl__zalloc(size_t size);

/*
 * `size` bytes of zeros on cache lines of their own, or NULL; freed with ovl__lines_free alone,
 * which takes NULL.
 */
void *ovl__lines_zalloc(size_t size);
void ovl__lines_free(void *lines);

/* A growing run of bytes. All zero is empty. */
struct ovl__buffer {
    void *data;
    size_t size;
    size_t capacity;
    bool borrowed; /* data is another's: it is left behind when it is too small, and not freed */
};

/*
 * Changes the size and keeps the bytes up to the smaller one; new bytes are not initialised.
 * Growing step by step copies each byte a few times at most. -ENOMEM leaves it as it was.
 */
int ovl__buffer_resize(struct ovl__buffer *buffer, size_t size);

void ovl__buffer_release(struct ovl__buffer *buffer);

#endif
