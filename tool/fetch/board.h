/*
 * What transfers tell while they run, and what they share: a block of memory that all workers see,
 * in whatever process they are.
 */
#ifndef TOOL_FETCH_BOARD_H
#define TOOL_FETCH_BOARD_H

#include "fetch/rate.h"

#include <overlap/time.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One transfer. Written by its worker, read by whoever shows how far it is. */
struct slot {
    atomic_uint_least64_t item; /* its index + 1; 0: nobody uses the slot */
    atomic_uint_least64_t bytes;
    atomic_uint_least64_t total; /* 0: unknown */
    atomic_int_least64_t begun;
};

struct board {
    atomic_bool interrupted; /* all are to end */
    atomic_bool last;        /* fewer orders are to be given than there may be transfers at once */
    atomic_int unclaimed;    /* orders that were given, and that no worker is sure to begin */
    struct rate rate;        /* of all together */
    size_t count;
    struct slot slots[];
};

/* `rate`: bytes per second of all together; 0: no limit. NULL: no memory. */
struct board *board_new(size_t slots, uint64_t rate);
void board_free(struct board *board);

#endif
