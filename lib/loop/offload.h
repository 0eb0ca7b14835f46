/* Blocking calls that cannot be turned into yields: made by a helper thread instead. */
#ifndef OVL_LOOP_OFFLOAD_H
#define OVL_LOOP_OFFLOAD_H

#include "base/list.h"
#include "loop/park.h"

#include <stdbool.h>

/* One call, on the heap. What runs it and what frees it are set; the rest is the
 * pool's. */
struct ovl__offload {
    void (*run)(struct ovl__offload *call);  /* in the helper thread */
    void (*free)(struct ovl__offload *call); /* where the coroutine did not wait for the end */
    struct ovl__link link;
    struct ovl__wait_list waiter;
    bool done;
    bool abandoned;
};

/*
 * Runs the call in another thread; the calling coroutine gives way until it has returned. Where no
 * thread is to be had, it runs at once in this one, and blocks the loop.
 *
 * 0: it has run, and is the caller's to free. OVL_ECANCELED: the coroutine's scope was cancelled;
 * the call may go on, and is freed after it.
 */
int ovl__offload(struct ovl__offload *call);

/* Calls fn(argument) in a helper thread likewise, and waits for its end whatever is cancelled. */
void ovl__call_in_thread(void (*fn)(void *argument), void *argument);

#endif
