/* A loop under test: its clock and its order. */
#ifndef OVL_LOOP_TRIAL_H
#define OVL_LOOP_TRIAL_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoll_event;
struct ovl__coroutine;
struct ovl__loop;

struct ovl__trial {
    bool has_clock; /* `now` is the loop's time */
    bool shuffles;
    ovl_time now;
    ovl_time patience_ns;
    uint64_t dice;
    struct ovl__coroutine **order; /* scratch, as large as the longest queue so far */
    size_t capacity;
};

/* Has the loop, which does not run yet, live in this trial. */
void ovl__loop_try(struct ovl__loop *loop, struct ovl__trial *trial);
void ovl__trial_release(struct ovl__trial *trial);

/* epoll_wait for up to `wait_ns` of the trial's time. */
int ovl__trial_wait(struct ovl__loop *loop, struct epoll_event *events, int count,
                    ovl_time wait_ns);

/* Puts those that are ready in a random order; returns how many. */
size_t ovl__trial_shuffle(struct ovl__loop *loop);

#endif
