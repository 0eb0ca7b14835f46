/*
 * Stacks: mapped in slabs of many, guarded each, and kept for the next coroutine. A pool belongs to
 * one thread.
 *
 * A slab is one mapping, and a guard within it takes no mapping of its own (MADV_GUARD_INSTALL), so
 * that vm.max_map_count does not limit how many stacks there are. Where the kernel has no such
 * guards, see docs/decisions/0007-stacks.md.
 */
#ifndef OVL_COROUTINE_STACK_H
#define OVL_COROUTINE_STACK_H

#include "base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Enough for a TLS handshake, getaddrinfo or libpq; only pages that are touched take memory. What
 * AddressSanitizer makes of a function takes several times its room.
 */
#ifdef __SANITIZE_ADDRESS__
#define OVL__STACK_BYTES ((size_t)1024 * 1024)
#else
#define OVL__STACK_BYTES ((size_t)256 * 1024)
#endif

/* Many stacks, one above the other. */
struct ovl__slab {
    struct ovl__link link; /* among all of the pool's */
    struct ovl__link
        roomy_link; /* among those that have a free stack, or those that have only such */
    char *base;
    size_t stack_bytes; /* of each, guard included */
    unsigned count;
    unsigned fresh;     /* from this one on none was ever taken: their pages are untouched */
    unsigned ready;     /* up to this one they are guarded, and their tops have memory */
    unsigned taken;     /* now */
    unsigned protected; /* guards that took mappings */
    void *free;         /* a chain through the top word of each that was given back */
    bool in_use[];      /* which hold a coroutine that is whole: for who looks from outside */
};

struct ovl__stack_pool {
    size_t stack_bytes; /* of each, guard included; a multiple of the page */
    size_t page_bytes;
    struct ovl__link slabs;
    struct ovl__link roomy; /* slabs with stacks taken and free; the one to take from comes first */
    struct ovl__link empty; /* slabs without one that is taken */
    unsigned next_count;    /* how many stacks the next slab is to have */
    size_t free_count;      /* given back, and not taken again */
};

struct ovl__stack {
    char *bottom; /* the lowest address, where the guard lies; NULL: no stack */
    struct ovl__slab *slab;
};

/* `stack_bytes` is rounded up to whole pages, and to a few at least; 0: OVL__STACK_BYTES. */
void ovl__stack_pool_init(struct ovl__stack_pool *pool, size_t stack_bytes);
void ovl__stack_pool_release(struct ovl__stack_pool *pool);

/*
 * Takes a stack. One that runs over its end faults instead of writing into its neighbour. Without
 * memory, one without a bottom.
 */
struct ovl__stack ovl__stack_take(struct ovl__stack_pool *pool);

/* Gives a stack back; nothing may run on it. */
void ovl__stack_give(struct ovl__stack_pool *pool, struct ovl__stack stack);

/*
 * Gives one slab back to the system, if so many stacks are free that it is not likely to be missed
 * soon; says whether it did. It takes a while: for when there is nothing else to do.
 */
bool ovl__stack_pool_trim(struct ovl__stack_pool *pool);

/* Which one of its slab's it is. */
static inline size_t ovl__stack_index(struct ovl__stack stack)
{
    return (size_t)(stack.bottom - stack.slab->base) / stack.slab->stack_bytes;
}

/* Says whether the stack holds something to be looked at from outside: see in_use. */
static inline void ovl__stack_mark(struct ovl__stack stack, bool in_use)
{
    atomic_signal_fence(
        memory_order_seq_cst); /* who looks may have stopped this thread by a signal */
    stack.slab->in_use[ovl__stack_index(stack)] = in_use;
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
