/*
 * Signals: a handler that runs in a loop's thread interrupts the calls that its coroutines wait in,
 * as it would interrupt the one that the thread waits in.
 */
#ifndef OVL_LOOP_INTERRUPT_H
#define OVL_LOOP_INTERRUPT_H

#include "base/list.h"

#include <stdbool.h>

struct ovl__coroutine;

/* What handlers of this thread have seen. Written by them: read one number at a time. */
struct ovl__signals {
    volatile unsigned all;
    volatile unsigned breaking; /* of those, by handlers without SA_RESTART */
};

extern _Thread_local struct ovl__signals ovl__signals;

/* For a handler, before it does anything else. */
void ovl__signal_came(bool restarts);

/*
 * A wait that signals interrupt, on the stack of the coroutine that waits. Whatever of ovl__suspend
 * and what stands on it the coroutine calls in between then fails with -EINTR.
 */
struct ovl__interruptible {
    struct ovl__link link;
    struct ovl__coroutine *coroutine;
    bool by_all; /* by handlers with SA_RESTART too */
    unsigned before;
};

void ovl__interruptible_begin(struct ovl__interruptible *wait, bool by_all);

/* Whether a handler has come since it began. */
bool ovl__interrupted(const struct ovl__interruptible *wait);

/* Whether it was interrupted. */
bool ovl__interruptible_end(struct ovl__interruptible *wait);

/* Wakes those of this thread that are to end; for its loop, after it has slept. */
void ovl__interrupt_waits(void);

#endif
