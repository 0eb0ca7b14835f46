/*
 * What the C++ runtime keeps of a thread's exceptions: those that are being handled, and how many
 * are on their way. A coroutine that waits in a handler, or in a destructor while the stack
 * unwinds, has them of its own, as it has its errno.
 */
#ifndef OVL_COROUTINE_EXCEPTIONS_H
#define OVL_COROUTINE_EXCEPTIONS_H

/* As in the Itanium C++ ABI's chapter on exceptions, which GCC's and Clang's runtimes keep to. */
struct ovl__exceptions {
    void *caught;
    unsigned uncaught;
};

/* The calling thread's. NULL: the process has no C++ runtime that others can see. */
struct ovl__exceptions *ovl__exceptions_here(void);

#endif
