/* A loop in the calling thread: the async model by hand, and the same under test. */
#include "coroutine/coroutine.h"
#include "hooks/hooks.h"
#include "loop/loop.h"
#include "loop/trial.h"
#include "watch/watch.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/testing.h>
#include <stdio.h>
#include <stdlib.h>

/* As in async.c: whoever links the static library gets the hooks with whatever runs a loop. */
__attribute__((used)) static const char *const *const hooks = ovl__hooks;

struct first {
    ovl_coroutine_fn *fn;
    void *argument;
    int result;
};

static void run_first(void *argument)
{
    struct first *first = argument;
    first->result = first->fn(first->argument);
}

static int run(ovl_coroutine_fn *fn, void *argument, size_t stack_bytes,
               const struct ovl__watch_options *watching, struct ovl__trial *trial)
{
    if (ovl__loop_here())
        return -EBUSY;
    struct ovl__loop *loop;
    int error = ovl__loop_new(stack_bytes, &loop);
    if (error)
        return error;
    struct first first = {.fn = fn, .argument = argument};
    error = ovl__loop_spawn(loop, run_first, &first);
    if (!error) {
        struct ovl__watch watch;
        ovl__watch_begin(&watch, loop, watching);
        if (trial)
            ovl__loop_try(loop, trial);
        ovl__loop_stop(loop);
        ovl__loop_run(loop);
        if (trial)
            ovl__trial_release(trial);
        ovl__watch_end(&watch);
    }
    ovl__loop_free(loop);
    return error ? error : first.result;
}

int ovl_run(ovl_coroutine_fn *fn, void *argument, const struct ovl_run_options *options)
{
    static const struct ovl_run_options none;
    if (!options)
        options = &none;
    bool is_watched = options->stalled || options->stall_ns;
    struct ovl__watch_options watching = {
        .stall_ns = is_watched ? options->stall_ns : OVL_FOREVER,
        .stalled = options->stalled,
        .context = options->stall_context,
    };
    return run(fn, argument, options->stack_bytes, &watching, NULL);
}

/* --- tests --- */

static uint64_t choose_seed(void)
{
    const char *wanted = getenv("OVL_SEED");
    uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : 0;
    /* Any number will do that is another one the next time. */
    return seed ? seed : (uint64_t)ovl_now() * 0x9e3779b97f4a7c15 >> 20;
}

int ovl_run_test(ovl_coroutine_fn *fn, void *argument, const struct ovl_testing *testing)
{
    static const struct ovl_testing none;
    if (!testing)
        testing = &none;
    uint64_t seed = testing->seed ? testing->seed : choose_seed();
    if (!testing->quiet && !testing->in_order)
        fprintf(stderr, "overlap: the order has the seed %llu: OVL_SEED=%llu repeats it\n",
                (unsigned long long)seed, (unsigned long long)seed);
    struct ovl__trial trial = {
        .has_clock = !testing->real_clock,
        .shuffles = !testing->in_order,
        .patience_ns = testing->patience_ns,
        .dice = seed ? seed : 1,
    };
    struct ovl__watch_options watching = {.stall_ns = OVL_FOREVER};
    return run(fn, argument, testing->stack_bytes, &watching, &trial);
}
