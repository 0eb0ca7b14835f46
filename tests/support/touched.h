/* How much of its stack a coroutine has touched. */
#ifndef TESTS_SUPPORT_TOUCHED_H
#define TESTS_SUPPORT_TOUCHED_H

#include <stddef.h>

/* The default's size (lib/coroutine/stack.h). */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES ((size_t)1024 * 1024)
#else
#define STACK_BYTES ((size_t)256 * 1024)
#endif

/*
 * What of it may be used, so that whoever calls from deeper down, or has a library's next version,
 * still fits.
 */
#define STACK_ROOM (STACK_BYTES * 3 / 4)

/*
 * The bytes from `top`, a local of the coroutine's function, down to the last page that is in
 * memory. The stack must not have been used before: it is so for the first coroutines of a process.
 */
size_t stack_touched(const void *top);

#endif
