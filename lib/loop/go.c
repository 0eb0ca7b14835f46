/* Coroutines of their own: started now or at a time, awaited, called off. */
#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/inside.h"
#include "loop/scope.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>

/*
 * One that was started by ovl_go lives in a scope of its own, so that it outlives the scopes of who
 * started it.
 */
static void run_alone(void *argument)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl__scope scope;
    ovl__scope_begin(&scope, self->loop, NULL, OVL_FOREVER, false);
    scope.reason = self->result; /* cancelled before it began */
    self->owner = &scope;
    ovl__scope_move(self, &scope);
    int result = self->call(argument);
    ovl__scope_move(self, NULL);
    self->owner = NULL;
    self->result = result;
}

int ovl_go(ovl_coroutine_fn *fn, void *argument, struct ovl_coroutine **ret_coroutine)
{
    if (!ovl_in_coroutine())
        return -EPERM;
    struct ovl__coroutine *coroutine;
    int error =
        ovl__loop_spawn_coroutine(ovl__current->coroutine->loop, run_alone, argument, &coroutine);
    if (error)
        return error;
    coroutine->call = fn;
    if (ret_coroutine) {
        coroutine->is_kept = true;
        *ret_coroutine = (struct ovl_coroutine *)coroutine;
    }
    return 0;
}

void ovl_coroutine_cancel(struct ovl_coroutine *handle)
{
    struct ovl__coroutine *coroutine = (struct ovl__coroutine *)handle;
    if (coroutine->has_ended)
        return;
    if (coroutine->owner)
        ovl__scope_cancel(coroutine->owner, OVL_ECANCELED);
    else
        coroutine->result = OVL_ECANCELED;
}

int ovl_join(struct ovl_coroutine *handle)
{
    struct ovl__coroutine *coroutine = (struct ovl__coroutine *)handle;
    while (!coroutine->has_ended) {
        coroutine->joiner = ovl__current->coroutine;
        ovl__waits_for("join", -1);
        if (ovl__suspend(OVL_FOREVER)) {
            ovl_coroutine_cancel(handle);
            break;
        }
    }
    return ovl__join(coroutine);
}

/* --- at a time --- */

struct ovl_timer {
    struct ovl__timer timer;
    struct ovl__loop *loop;
    ovl_coroutine_fn *fn;
    void *argument;
    bool is_kept; /* until ovl_timer_stop */
};

/* Without memory for a coroutine when it is time: how soon to try again. */
#define RETRY_NS (10 * OVL_MILLISECOND)

static void come_due(struct ovl__timer *timer)
{
    struct ovl_timer *self = ovl__of(timer, struct ovl_timer, timer);
    struct ovl__loop *loop = self->loop;
    struct ovl__coroutine *coroutine;
    if (ovl__loop_spawn_coroutine(loop, run_alone, self->argument, &coroutine)) {
        /* The heap has the room that it had a moment ago. */
        ovl__timer_start(&loop->timers, timer, loop->looked_at + RETRY_NS);
        return;
    }
    coroutine->call = self->fn;
    loop->coroutines--; /* what was to be is */
    if (self->is_kept)
        self->fn = NULL;
    else
        free(self);
}

int ovl_go_at(ovl_time at, ovl_coroutine_fn *fn, void *argument, struct ovl_timer **ret_timer)
{
    if (!ovl_in_coroutine())
        return -EPERM;
    struct ovl_timer *self = ovl__sys.malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    *self = (struct ovl_timer){
        .timer = {.fire = come_due},
        .loop = ovl__here,
        .fn = fn,
        .argument = argument,
        .is_kept = ret_timer,
    };
    int error = ovl__timer_start(&self->loop->timers, &self->timer, at);
    if (error) {
        free(self);
        return error;
    }
    self->loop->coroutines++; /* the loop goes on for those that are to come, too */
    if (ret_timer)
        *ret_timer = self;
    return 0;
}

bool ovl_timer_stop(struct ovl_timer *self)
{
    if (!self)
        return false;
    bool stopped = self->fn;
    if (stopped) {
        ovl__timer_stop(&self->loop->timers, &self->timer);
        self->loop->coroutines--;
    }
    free(self);
    return stopped;
}
