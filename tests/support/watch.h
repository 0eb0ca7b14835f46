/* What a process holds: descriptors, threads and children, counted from /proc. */
#ifndef TESTS_SUPPORT_WATCH_H
#define TESTS_SUPPORT_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch {
    size_t descriptors;
    size_t threads;
    size_t children;
};

struct watch watch_now(void);

/*
 * Whether the process comes back to what it held `before`, within five seconds: threads that were
 * joined stay in /proc for a moment, and idle helpers for a little longer. Where not, `text` tells
 * the difference.
 */
bool watch_settles(const struct watch *before, char *text, size_t size);

/* The limit on descriptors that leaves the process room for so many more, up to 64: there may be
 * gaps between those that it was started with. */
size_t watch_descriptor_limit(unsigned room);

#endif
