/* Strings that grow, and strings found in a block of bytes. */
#ifndef TOOL_FETCH_BYTES_H
#define TOOL_FETCH_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of bytes that grows. All zero is an empty one. */
struct block {
    char *data;
    size_t size;
    size_t room;
    bool failed; /* there was no memory for something: what is in it is not whole */
};

void block_release(struct block *block);

/* Empties it and keeps its memory. */
void block_clear(struct block *block);

/* Appends; nothing where there is no memory, which `failed` tells. */
void block_add(struct block *block, const void *data, size_t size);

/* Appends a string with its NUL, and returns where in the block it is; 0 for NULL and "". The block
 * must begin with something else. */
uint32_t block_add_text(struct block *block, const char *text);

/* Appends text as printf does, without its NUL being counted. */
void block_print(struct block *block, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The string at `place` of a block that block_add_text filled; NULL for 0. */
static inline const char *block_text(const void *block, uint32_t place)
{
    return place ? (const char *)block + place : NULL;
}

/* The texts one after the other, up to a NULL: the caller's to free. NULL: no memory. */
char *text_join(const char *first, ...) __attribute__((sentinel));

#endif
