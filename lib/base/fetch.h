/* Asking for memory before it is needed, so that it comes while something else is done. */
#ifndef OVL_BASE_FETCH_H
#define OVL_BASE_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define OVL__LINE_BYTES 64

/*
 * Asks for the lines of so many bytes, to be written. Any address will do, a wrong one too. The
 * empty statement is there for GCC, to which functions that only fetch have no effect: it leaves
 * out their calls.
 */
static inline void ovl__fetch(const void *from, size_t size)
{
#pragma GCC unroll 16
    for (size_t at = 0; at < size; at += OVL__LINE_BYTES)
        __builtin_prefetch((const void *)((uintptr_t)from + at), 1);
    __asm__ volatile("");
}

#endif
