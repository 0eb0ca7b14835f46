/*
 * Testing what is written for coroutines: time that passes at once, and orders that come again.
 *
 *     static int times_out(void *argument)          // takes an hour, and no time
 *     {
 *         return fetch_with_timeout(3600 * OVL_SECOND) == OVL_ETIMEDOUT ? 0 : 1;
 *     }
 *     …
 *     assert(ovl_run_test(times_out, NULL, NULL) == 0);
 */
#ifndef OVERLAP_TESTING_H
#define OVERLAP_TESTING_H

#include <overlap/coroutine.h>
#include <overlap/export.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

OVL_BEGIN_DECLS

/* How a test is run. All zero is a good choice. */
struct ovl_testing {
    uint64_t seed;        /* of the order in which ready coroutines run. 0: what OVL_SEED in the
                             environment says, and else a new one each time */
    bool in_order;        /* they run in the order in which they became ready, as by ovl_run */
    bool real_clock;      /* time passes as usual */
    bool quiet;           /* the seed is not printed */
    ovl_time patience_ns; /* how long of the real time to wait for what comes from outside (other
                             processes, the network) before the clock jumps */
    size_t stack_bytes;   /* as in struct ovl_run_options */
};

/*
 * As ovl_run, in a world for tests:
 *
 * - The clock of ovl_now() stands still in this loop, and jumps to the next deadline when no
 * coroutine is ready, no helper thread works for one, and no descriptor is ready. Sleeps and
 * timeouts, of hooked calls too, take no time, and come in the right order.
 * - Coroutines that are ready run in a random order, made from the seed. The seed is printed to
 * standard error; a failure comes again with it: OVL_SEED=seed.
 *
 * Threads, errors: as ovl_run. Source: Trio's MockClock and its random order of the ready queue.
 */
OVL_EXPORT int ovl_run_test(ovl_coroutine_fn *fn, void *argument,
                            const struct ovl_testing *testing);

OVL_END_DECLS

#endif
