/*
 * The allocator: whichever malloc the process has. One that is not libc's (jemalloc, preloaded for
 * one) locks mutexes of its own, in the midst of what it keeps for its thread: there no coroutine
 * may give way, since the next one would come into the same malloc. These locks are held for
 * moments only.
 */
#ifndef OVL_HOOKS_ALLOCATOR_H
#define OVL_HOOKS_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

/* Where the shared object lies that has malloc; empty where it is libc's or the program's own. */
struct ovl__allocator {
    uintptr_t begin;
    uintptr_t size;
};

extern struct ovl__allocator ovl__allocator;

/* Whether this is a place in it. */
static inline bool ovl__is_in_allocator(const void *place)
{
    return (uintptr_t)place - ovl__allocator.begin < ovl__allocator.size;
}

#endif
