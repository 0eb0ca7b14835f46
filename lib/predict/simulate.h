/*
 * The simulation: workers that take tasks and go through their parts, on a virtual clock.
 *
 *   processors  threads and processes share them evenly (as the system's scheduler does); under
 *               async there is one, the loop's, which each has until it gives way
 *   resources   so many at once, the others in a queue
 *   costs       of opening, of each worker, each task, each wait
 */
#ifndef OVL_PREDICT_SIMULATE_H
#define OVL_PREDICT_SIMULATE_H

#include <overlap/predict.h>

struct ovl__run {
    const struct ovl_work *work; /* looked through: valid, its cores filled in */
    const struct ovl_plan *plan; /* its workers filled in */
    const struct ovl_costs *costs;
    size_t total;  /* tasks to do */
    uint64_t seed; /* 0: the known tasks in their order; otherwise drawn from them */
};

/* Nanoseconds. */
struct ovl__run_time {
    double wall;
    double cpu;
};

/* Errors: -ENOMEM. */
int ovl__simulate(const struct ovl__run *run, struct ovl__run_time *ret);

#endif
