/*
 * Blocks of two sizes, for objects that are made and freed by the million: each thread keeps some
 * that are free, and exchanges what it has too few or too many of with the others by the batch.
 */
#ifndef OVL_BASE_BLOCKS_H
#define OVL_BASE_BLOCKS_H

#include <stddef.h>

#define OVL__SMALL_BLOCK_BYTES 192
#define OVL__LARGE_BLOCK_BYTES 640

enum ovl__block_kind { OVL__SMALL_BLOCK, OVL__LARGE_BLOCK };

#define OVL__BLOCK_KINDS 2

static inline size_t ovl__block_bytes(enum ovl__block_kind kind)
{
    return kind == OVL__SMALL_BLOCK ? OVL__SMALL_BLOCK_BYTES : OVL__LARGE_BLOCK_BYTES;
}

/* A block, aligned as malloc aligns and not initialised, or NULL. Any thread. */
void *ovl__block_new(enum ovl__block_kind kind);

/* Any thread. */
void ovl__block_free(enum ovl__block_kind kind, void *block);

#endif
