/*
 * Bundles: the ends of short tasks, told to a tuner together.
 *
 * A tuner works a throughput out from how long each task took and how many ran: of tasks that take
 * about as long as it takes to begin one, that is mostly noise, and what passes between two tasks
 * is in neither. How many end in a while is known all the better. A bundle stands for so many tasks
 * as one whose length is the one that goes with that number, by Little's law.
 */
#ifndef TOOL_BUNDLE_H
#define TOOL_BUNDLE_H

#include <overlap/tuner.h>

struct bundle {
    ovl_time from; /* ends are counted since; 0: none was seen */
    uint64_t count;
    uint64_t running; /* sums, from here on */
    uint64_t bytes;
    ovl_time cpu_ns;
    unsigned apart; /* so many are still told by themselves */
};

/*
 * Takes a task's end, with the number that ran. Where there is something to tell, a long task's end
 * as it is, it is in *ret and the result is true. `ret` may be `end`.
 */
bool bundle_add(struct bundle *bundle, const struct ovl_completion *end,
                struct ovl_completion *ret);

/* Forgets what was taken: from now on there is another number of workers. */
void bundle_forget(struct bundle *bundle);

#endif
