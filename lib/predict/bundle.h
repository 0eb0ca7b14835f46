/*
 * Bundles: the ends of short tasks, told to a tuner together.
 *
 * A tuner works a throughput out from how long each task took and how many ran: of tasks that take
 * about as long as it takes to begin one, that is mostly noise, and what passes between two tasks
 * is in neither. How many end in a while is known all the better. A bundle stands for so many tasks
 * as one whose length is the one that goes with that number, by Little's law.
 */
#ifndef OVL_PREDICT_BUNDLE_H
#define OVL_PREDICT_BUNDLE_H

#include <overlap/tuner.h>

struct ovl__bundle {
    ovl_time short_ns; /* tasks that take longer, on average, speak for themselves; of others ends
                          are counted for half as long */
    ovl_time from;     /* ends are counted since; 0: none was seen */
    uint64_t count;
    uint64_t running; /* sums, from here on */
    uint64_t bytes;
    ovl_time cpu_ns;
    ovl_time queued_ns;
    ovl_time mean_ns; /* a task's length, of late; 0: none has ended */
};

/*
 * Takes a task's end, with the number that ran. Returns how often *ret is to be told to the tuner,
 * as long as the number of workers stays: 0, nothing yet; a long task's end is told once, as it is.
 * `ret` may be `end`.
 */
unsigned ovl__bundle_add(struct ovl__bundle *bundle, const struct ovl_completion *end,
                         struct ovl_completion *ret);

/* Forgets what was taken: from now on there is another number of workers. */
void ovl__bundle_forget(struct ovl__bundle *bundle);

#endif
