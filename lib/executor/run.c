/* A loop in the calling thread: the async model by hand. */
#include "coroutine/coroutine.h"
#include "hooks/hooks.h"
#include "loop/loop.h"
#include "watch/watch.h"

#include <errno.h>
#include <overlap/coroutine.h>

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

int ovl_run(ovl_coroutine_fn *fn, void *argument, const struct ovl_run_options *options)
{
    if (ovl__loop_here())
        return -EBUSY;
    struct ovl__loop *loop;
    int error = ovl__loop_new(options ? options->stack_bytes : 0, &loop);
    if (error)
        return error;
    struct first first = {.fn = fn, .argument = argument};
    error = ovl__loop_spawn(loop, run_first, &first);
    if (!error) {
        struct ovl__watch watch;
        ovl__watch_begin(&watch, loop,
                         &(struct ovl__watch_options){
                             .stall_ns = options && (options->stalled || options->stall_ns)
                                             ? options->stall_ns
                                             : OVL_FOREVER,
                             .stalled = options ? options->stalled : NULL,
                             .context = options ? options->stall_context : NULL,
                         });
        ovl__loop_stop(loop);
        ovl__loop_run(loop);
        ovl__watch_end(&watch);
    }
    ovl__loop_free(loop);
    return error ? error : first.result;
}
