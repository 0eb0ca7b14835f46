/* Channels: queues of bounded size between coroutines, of one loop or of several, and threads. */
#ifndef OVERLAP_CHANNEL_H
#define OVERLAP_CHANNEL_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <stddef.h>

OVL_BEGIN_DECLS

struct ovl_channel;

/*
 * Makes a channel for items of `item_size` bytes, of which it holds up to `capacity`, at least 1.
 *
 * Ownership: ovl_channel_free. On failure *ret_channel is untouched.
 * Threads: any. Errors: -EINVAL (capacity 0, or too much to count), -ENOMEM.
 */
OVL_EXPORT int ovl_channel_open(size_t item_size, size_t capacity,
                                struct ovl_channel **ret_channel);

/* Ends a channel; nobody may use it or wait in it. NULL is allowed. Threads: any. */
OVL_EXPORT void ovl_channel_free(struct ovl_channel *channel);

/*
 * Puts a copy of the item in, and waits for room until `deadline`.
 *
 * Threads: any; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECLOSED, OVL_ECANCELED; the item
 * is not in.
 */
OVL_EXPORT int ovl_channel_send(struct ovl_channel *channel, const void *item, ovl_time deadline);

/*
 * Takes the oldest item out, and waits for one until `deadline`.
 *
 * Threads: any; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT, OVL_ECANCELED; OVL_ECLOSED: it was shut and is empty. *ret_item is
 * untouched.
 */
OVL_EXPORT int ovl_channel_receive(struct ovl_channel *channel, void *ret_item, ovl_time deadline);

/* Takes no more items: sends fail, and receives once it is empty. Threads: any. Errors: none. */
OVL_EXPORT void ovl_channel_shut(struct ovl_channel *channel);

/* One of several things to be done with channels. */
struct ovl_select {
    struct ovl_channel *channel;
    const void *send; /* the item to send; NULL: receive */
    void *receive;    /* where to put the item; unused for a send */
};

/*
 * Does one of several sends and receives, the first that can be done, and in the order of the cases
 * where several can.
 *
 * *ret_index is the case that was done, or that was found shut.
 *
 * Threads: any; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECANCELED, -ENOMEM; OVL_ECLOSED:
 * the case *ret_index cannot be done any more.
 */
OVL_EXPORT int ovl_select(const struct ovl_select *cases, size_t count, ovl_time deadline,
                          size_t *ret_index);

OVL_END_DECLS

#endif
