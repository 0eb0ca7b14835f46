/*
 * Rates: bytes that come no faster than so many a second, of one transfer or of several together.
 *
 * libcurl's own limit lets a short or quick transfer through whole.
 */
#ifndef TOOL_FETCH_RATE_H
#define TOOL_FETCH_RATE_H

#include <overlap/time.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: no limit. May lie in memory that processes share. */
struct rate {
    uint64_t bytes;           /* in a second; 0: no limit */
    atomic_int_least64_t due; /* when the next byte may come */
};

/*
 * Takes so many bytes, and waits until they are due, or until `stop` is true, which is looked at
 * every now and then. False where `deadline` came before they were due.
 */
bool rate_take(struct rate *rate, size_t bytes, ovl_time deadline, const atomic_bool *stop);

#endif
