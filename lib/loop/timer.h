/* Timers: a heap of what is due when, kept by the thread of one loop. */
#ifndef OVL_LOOP_TIMER_H
#define OVL_LOOP_TIMER_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ovl__timer {
    uint32_t slot; /* from 1; 0: not in the heap */
    bool reserved; /* its room is given back as a reserved one */
    void (*fire)(struct ovl__timer *timer);
};

/*
 * Timers lie on the stacks of those who wait, each in a page of its own that is long out of the
 * caches. So what sifting moves and notes lies beside each other here, and no timer is touched
 * before it fires.
 */
struct ovl__timer_entry {
    ovl_time at;
    uint32_t slot;
};

struct ovl__timer_slot {
    struct ovl__timer *timer; /* NULL: the slot is free */
    uint32_t place;           /* in the heap; of a free slot, the next free one, from 1 */
};

/* All zero is empty. */
struct ovl__timers {
    struct ovl__timer_entry *entries; /* a heap of four children each; entries[0] is due first */
    struct ovl__timer_slot *slots;    /* as many as there is room for in the heap */
    uint32_t free_slot;               /* from 1; 0: those from `fresh_slot` on are free */
    uint32_t fresh_slot;              /* from this one on none was ever used */
    size_t count;
    size_t reserved; /* room for so many more is kept free */
    size_t capacity;
};

/* Keeps room for one timer, for ovl__timer_start_reserved. -ENOMEM. */
int ovl__timers_reserve(struct ovl__timers *timers);
void ovl__timers_unreserve(struct ovl__timers *timers);

/* Starts a timer that is not in the heap. -ENOMEM. */
int ovl__timer_start(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at);

/* Starts one in reserved room, which is reserved again once the timer has fired or was stopped. */
void ovl__timer_start_reserved(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at);

/* Stops a timer; one that is not in the heap is left alone. */
void ovl__timer_stop(struct ovl__timers *timers, struct ovl__timer *timer);

/* When the next timer is due; OVL_FOREVER without one. */
ovl_time ovl__timers_next(const struct ovl__timers *timers);

/*
 * Fires those that are due at `now`, up to `limit` of them, each taken out before its function is
 * called.
 */
void ovl__timers_run(struct ovl__timers *timers, ovl_time now, size_t limit);

void ovl__timers_release(struct ovl__timers *timers);

#endif
