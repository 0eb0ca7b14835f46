/*
 * Waiting by address: for what is libc's own, whose inner states are not ours to wait for.
 * Coroutines stand in lists of ours, under its address; whoever changes it, in whatever thread,
 * looks there afterwards where anybody waits at all.
 *
 * What other processes change does not come by: where no thread waits for that in a coroutine's
 * place, it looks again every OVL__GLANCE_NS.
 */
#ifndef OVL_HOOKS_LOT_H
#define OVL_HOOKS_LOT_H

#include "base/list.h"
#include "loop/park.h"

#include <overlap/time.h>
#include <stdatomic.h>
#include <stdbool.h>

#define OVL__GLANCE_NS (5 * OVL_MILLISECOND)

/* One that waits, on its own stack. */
struct ovl__lot_wait {
    struct ovl__link link;
    const void *address;
    struct ovl__wait_list list;
};

/* The running coroutine is about to wait: from here on no wake is missed. To be ended soon. */
void ovl__lot_begin(struct ovl__lot_wait *wait, const void *address);

/*
 * Gives way until woken or until `deadline`: once. 0; OVL_ETIMEDOUT; where it `may_end` early
 * OVL_ECANCELED and -EINTR as ovl__suspend.
 */
int ovl__lot_wait(struct ovl__lot_wait *wait, ovl_time deadline, bool may_end);

void ovl__lot_end(struct ovl__lot_wait *wait);

/* Wakes who has waited longest, or with `all` everyone. Whether there was any. Any thread. */
bool ovl__lot_wake(const void *address, bool all);

extern atomic_uint ovl__lot_waiting; /* coroutines, for whatever address */

/*
 * Whether anybody may wait. For who has just made the change by an atomic instruction of libc's,
 * with which no later load changes places on x86-64.
 */
static inline bool ovl__lot_anybody(void)
{
#ifndef __x86_64__
    atomic_thread_fence(memory_order_seq_cst);
#endif
    return __builtin_expect(atomic_load_explicit(&ovl__lot_waiting, memory_order_relaxed) != 0, 0);
}

#endif
