/* Who runs next: the ready queue, giving way, waiting, and the two ends of a coroutine. */
#include "coroutine/coroutine.h"
#include "ledger/meter.h"
#include "loop/inside.h"
#include "loop/interrupt.h"
#include "loop/scope.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <sched.h>

/* Switches between two looks at epoll while coroutines keep each other busy. */
#define SWITCHES_PER_LOOK 256

static void free_ended(struct ovl__loop *loop)
{
    if (!loop->ended)
        return;
    ovl__coroutine_free(&loop->stacks, loop->ended);
    loop->ended = NULL;
}

static void make_ready(struct ovl__loop *loop, struct ovl__coroutine *coroutine)
{
    coroutine->is_ready = true;
    coroutine->next_ready = NULL;
    *loop->ready_end = coroutine;
    loop->ready_end = &coroutine->next_ready;
}

/* Who runs next: the first that is ready, or the loop itself. */
static inline struct ovl__fiber *next_fiber(struct ovl__loop *loop)
{
    struct ovl__coroutine *next = loop->ready;
    ovl__loop_next_turn(loop);
    if (!loop->switches || !next)
        return &loop->fiber;
    loop->switches--;
    loop->ready = next->next_ready;
    if (!loop->ready)
        loop->ready_end = &loop->ready;
    next->is_ready = false;
    return &next->fiber;
}

void ovl__run_ready(struct ovl__loop *loop)
{
    loop->switches = SWITCHES_PER_LOOK;
    if (loop->trial && loop->trial->shuffles) /* those, and then the next ones are shuffled */
        loop->switches = (unsigned)ovl__trial_shuffle(loop);
    struct ovl__fiber *next = next_fiber(loop);
    if (next != &loop->fiber)
        ovl__fiber_switch(&loop->fiber, next);
    free_ended(loop);
}

/* Leaves the coroutine that runs; comes back when it is its turn again. */
static inline void leave(struct ovl__loop *loop, struct ovl__coroutine *self)
{
    struct ovl__fiber *next = next_fiber(loop);
    if (next == &self->fiber)
        return;
    struct ovl__meter *meter = self->context.meter;
    if (meter)
        ovl__meter_pause(meter);
    int error = *loop->thread_errno; /* the thread's, but each coroutine's own affair */
    ovl__fiber_switch(&self->fiber, next);
    *loop->thread_errno = error;
    if (meter)
        ovl__meter_resume(meter);
    free_ended(loop);
}

void ovl__yield(void)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl__loop *loop = self->loop;
    make_ready(loop, self);
    leave(loop, self);
}

int ovl_yield(void)
{
    struct ovl__coroutine *self = ovl__current ? ovl__current->coroutine : NULL;
    if (!self) {
        sched_yield();
        return 0;
    }
    if (ovl__scope_reason(self->scope))
        return OVL_ECANCELED;
    struct ovl__loop *loop = self->loop;
    make_ready(loop, self);
    leave(loop, self);
    return 0;
}

/* --- waiting --- */

struct suspension {
    struct ovl__timer timer;
    struct ovl__coroutine *coroutine;
    bool expired;
};

static void expire(struct ovl__timer *timer)
{
    struct suspension *suspension = ovl__of(timer, struct suspension, timer);
    suspension->expired = true;
    ovl__resume(suspension->coroutine);
}

void ovl__waits_for(const char *kind, int fd)
{
    struct ovl__coroutine *self = ovl__current ? ovl__current->coroutine : NULL;
    if (!self)
        return;
    self->waiting.kind = kind;
    self->waiting.fd = fd;
}

int ovl__suspend_shielded(ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl__loop *loop = self->loop;
    struct suspension suspension = {.timer = {.fire = expire}, .coroutine = self};
    if (!self->waiting.kind)
        ovl__waits_for("sleep", -1);
    self->waiting.since = loop->looked_at;
    if (deadline != OVL_FOREVER)
        ovl__timer_start_reserved(&loop->timers, &suspension.timer, deadline);
    leave(loop, self);
    ovl__timer_stop(&loop->timers, &suspension.timer);
    self->waiting.kind = NULL;
    return suspension.expired ? OVL_ETIMEDOUT : 0;
}

int ovl__suspend(ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    if (ovl__scope_reason(self->scope)) {
        self->waiting.kind = NULL;
        return OVL_ECANCELED;
    }
    self->is_interruptible = true;
    int error = ovl__suspend_shielded(deadline);
    self->is_interruptible = false;
    if (ovl__scope_reason(self->scope))
        return OVL_ECANCELED;
    return self->interruptible && ovl__interrupted(self->interruptible) ? -EINTR : error;
}

void ovl__interrupt(struct ovl__coroutine *coroutine)
{
    if (coroutine->is_interruptible)
        ovl__resume(coroutine);
}

/* A coroutine that is in the queue already is not put there twice: several events may call for it.
 */
void ovl__resume(struct ovl__coroutine *coroutine)
{
    if (!coroutine->is_ready)
        make_ready(coroutine->loop, coroutine);
}

/* --- beginning and ending --- */

static void *ended(struct ovl__coroutine *self)
{
    struct ovl__loop *loop = self->loop;
    free_ended(loop);
    ovl__timers_unreserve(&loop->timers);
    loop->coroutines--;
    self->has_ended = true;
    if (!self->is_kept)
        loop->ended = self;
    else if (self->joiner)
        ovl__resume(self->joiner);
    return ovl__fiber_end(&self->fiber, next_fiber(loop));
}

int ovl__loop_spawn_coroutine(struct ovl__loop *loop, void (*fn)(void *argument), void *argument,
                              struct ovl__coroutine **ret_coroutine)
{
    /* Each has room for the timer of its waits from the start, so that no wait can fail for it. */
    if (ovl__timers_reserve(&loop->timers))
        return -ENOMEM;
    struct ovl__coroutine *coroutine = ovl__coroutine_new(&loop->stacks, fn, argument, ended);
    if (!coroutine) {
        ovl__timers_unreserve(&loop->timers);
        return -ENOMEM;
    }
    coroutine->loop = loop;
    coroutine->number = ++loop->spawned;
    loop->coroutines++;
    make_ready(loop, coroutine);
    *ret_coroutine = coroutine;
    return 0;
}

int ovl__loop_spawn(struct ovl__loop *loop, void (*fn)(void *argument), void *argument)
{
    struct ovl__coroutine *unused;
    return ovl__loop_spawn_coroutine(loop, fn, argument, &unused);
}

int ovl__join(struct ovl__coroutine *coroutine)
{
    while (!coroutine->has_ended) {
        coroutine->joiner = ovl__current->coroutine;
        ovl__waits_for("join", -1);
        ovl__suspend_shielded(OVL_FOREVER);
    }
    int result = coroutine->result;
    ovl__coroutine_free(&coroutine->loop->stacks, coroutine);
    return result;
}
