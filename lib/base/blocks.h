/*
 * Blocks of one size, for objects that are made and freed by the million: each thread keeps some
 * that are free, and exchanges what it has too few or too many of with the others by the batch.
 */
#ifndef OVL_BASE_BLOCKS_H
#define OVL_BASE_BLOCKS_H

#include <stddef.h>

#define OVL__BLOCK_BYTES 192

/* A block, aligned as malloc aligns and not initialised, or NULL. Any thread. */
void *ovl__block_new(void);

/* Any thread. */
void ovl__block_free(void *block);

#endif
