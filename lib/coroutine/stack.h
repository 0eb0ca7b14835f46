/* Stacks: mapped, guarded, and kept for the next coroutine. A pool belongs to one thread. */
#ifndef OVL_COROUTINE_STACK_H
#define OVL_COROUTINE_STACK_H

#include <stddef.h>

/* Enough for a TLS handshake, getaddrinfo or libpq; only pages that are touched take memory. */
#define OVL__STACK_BYTES ((size_t)256 * 1024)

struct ovl__stack_pool {
    size_t stack_bytes; /* of each, guard included; a multiple of the page */
    void *free;         /* a chain through the top word of each free stack */
    size_t free_count;
};

/* `stack_bytes` is rounded up to whole pages, and to a few at least; 0: OVL__STACK_BYTES. */
void ovl__stack_pool_init(struct ovl__stack_pool *pool, size_t stack_bytes);
void ovl__stack_pool_release(struct ovl__stack_pool *pool);

/*
 * Takes a stack: its lowest address, where the guard lies. One that runs over its end faults
 * instead of writing into its neighbour. NULL: no memory.
 */
void *ovl__stack_take(struct ovl__stack_pool *pool);

/* Gives a stack back; nothing may run on it. */
void ovl__stack_give(struct ovl__stack_pool *pool, void *stack);

#endif
