/* Timers: a heap of what is due when, kept by the thread of one loop. */
#ifndef OVL_LOOP_TIMER_H
#define OVL_LOOP_TIMER_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

struct ovl__timer {
    size_t place;  /* in the heap, from 1; 0: not in it */
    bool reserved; /* its room is given back as a reserved one */
    void (*fire)(struct ovl__timer *timer);
};

struct ovl__timer_entry {
    ovl_time at; /* beside the pointer, so that sifting touches no timer but those that move */
    struct ovl__timer *timer;
};

/* All zero is empty. */
struct ovl__timers {
    struct ovl__timer_entry *entries; /* a heap of four children each; entries[0] is due first */
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

/* Fires all that are due at `now`, each taken out before its function is called. */
void ovl__timers_run(struct ovl__timers *timers, ovl_time now);

void ovl__timers_release(struct ovl__timers *timers);

#endif
