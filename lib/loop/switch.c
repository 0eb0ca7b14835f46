/* Who runs next: the ready queue, giving way, waiting, and the two ends of a coroutine. */
#include "base/fetch.h"
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

/* Who runs next: the first that is ready, or where none is, or it is time to look, the loop: NULL.
 */
static inline struct ovl__coroutine *take_ready(struct ovl__loop *loop)
{
    struct ovl__coroutine *next = loop->ready;
    if (ovl__loop_next_turn(loop) > loop->look_at || !next)
        return NULL;
    loop->ready = next->next_ready;
    if (!loop->ready)
        loop->ready_end = &loop->ready;
    next->is_ready = false;
    return next;
}

/*
 * What `next` is to find when it goes on. All of it is done by who leaves, so that there is nothing
 * left to do after a switch, and a yield ends in a jump.
 */
static inline struct ovl__fiber *prepare(struct ovl__loop *loop, struct ovl__coroutine *next)
{
    if (loop->exceptions)
        *loop->exceptions = next ? next->exceptions : loop->callers;
    if (!next)
        return &loop->fiber;
    *loop->thread_errno = next->error; /* the thread's, but each coroutine's own affair */
    if (next->context.meter)
        ovl__meter_resume(next->context.meter);
    return &next->fiber;
}

void ovl__run_ready(struct ovl__loop *loop)
{
    unsigned switches = SWITCHES_PER_LOOK;
    if (loop->trial && loop->trial->shuffles) /* those, and then the next ones are shuffled */
        switches = (unsigned)ovl__trial_shuffle(loop);
    loop->look_at = ovl__loop_turn(loop) + switches;
    struct ovl__coroutine *next = take_ready(loop);
    if (next)
        ovl__fiber_switch(&loop->fiber, prepare(loop, next));
    free_ended(loop);
}

static __attribute__((noinline)) int
leave_slowly(struct ovl__loop *loop, struct ovl__coroutine *self, struct ovl__coroutine *next)
{
    if (self->context.meter)
        ovl__meter_pause(self->context.meter);
    if (loop->exceptions)
        self->exceptions = *loop->exceptions;
    self->error = *loop->thread_errno;
    return ovl__fiber_switch(&self->fiber, prepare(loop, next));
}

/*
 * Leaves the coroutine that runs; comes back, with 0, when it is its turn again. Where there is
 * nothing to measure, and no C++, no call comes between, for which registers would have to be kept.
 */
static inline int leave(struct ovl__loop *loop, struct ovl__coroutine *self)
{
    struct ovl__coroutine *next = take_ready(loop);
    if (next == self)
        return 0;
    if (!next || next->context.meter || self->context.meter || loop->exceptions)
        return leave_slowly(loop, self, next);
    self->error = *loop->thread_errno;
    *loop->thread_errno = next->error;
    return ovl__fiber_switch(&self->fiber, &next->fiber);
}

void ovl__yield(void)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl__loop *loop = self->loop;
    make_ready(loop, self);
    leave(loop, self);
}

static __attribute__((noinline)) int yield_thread(void)
{
    sched_yield();
    return 0;
}

int ovl_yield(void)
{
    struct ovl__coroutine *self = ovl__self();
    if (!self)
        return yield_thread();
    if (ovl__scope_reason(self->scope))
        return OVL_ECANCELED;
    struct ovl__loop *loop = self->loop;
    make_ready(loop, self);
    return leave(loop, self);
}

/* --- waiting --- */

/* A wait that has an end of its own. */
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
    struct ovl__coroutine *self = ovl__self();
    if (!self)
        return;
    self->waiting.kind = kind;
    self->waiting.fd = fd;
}

/*
 * Much is ready after a look at epoll, and each on pages of its own, which the system's calls of
 * the others have driven out of the caches: they come back while the one before works. So much of
 * the stack is what a wait returns through.
 */
#define BYTES_FETCHED 384

static inline void fetch_after_next(const struct ovl__loop *loop)
{
    const struct ovl__coroutine *after = loop->ready ? loop->ready->next_ready : NULL;
    if (!after)
        return;
    ovl__fetch(after->scope, 1);
    ovl__fetch(after->fiber.stack_pointer, BYTES_FETCHED);
}

static inline void suspend_for_ever(struct ovl__coroutine *self)
{
    struct ovl__loop *loop = self->loop;
    if (!self->waiting.kind)
        ovl__waits_for("sleep", -1);
    self->waiting.since = loop->looked_at;
    fetch_after_next(loop);
    leave(loop, self);
    self->waiting.kind = NULL;
}

static int suspend_until(struct ovl__coroutine *self, ovl_time deadline)
{
    struct suspension suspension = {.timer = {.fire = expire}, .coroutine = self};
    ovl__timer_start_reserved(&self->loop->timers, &suspension.timer, deadline);
    suspend_for_ever(self);
    ovl__timer_stop(&self->loop->timers, &suspension.timer);
    return suspension.expired ? OVL_ETIMEDOUT : 0;
}

static inline int suspend(struct ovl__coroutine *self, ovl_time deadline)
{
    if (deadline != OVL_FOREVER)
        return suspend_until(self, deadline);
    suspend_for_ever(self);
    return 0;
}

int ovl__suspend_shielded(ovl_time deadline)
{
    return suspend(ovl__current->coroutine, deadline);
}

int ovl__suspend(ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    if (ovl__scope_reason(self->scope)) {
        self->waiting.kind = NULL;
        return OVL_ECANCELED;
    }
    self->is_interruptible = true;
    int error = suspend(self, deadline);
    self->is_interruptible = false;
    if (ovl__scope_reason(self->scope))
        return OVL_ECANCELED;
    return self->interruptible && ovl__interrupted(self->interruptible) ? -EINTR : error;
}

int ovl__await_resume(struct ovl__coroutine *self, const char *kind, int fd, ovl_time deadline)
{
    self->waiting.kind = kind;
    self->waiting.fd = fd;
    self->is_interruptible = true;
    int error = suspend(self, deadline);
    self->is_interruptible = false;
    return error;
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
    return ovl__fiber_end(&self->fiber, prepare(loop, take_ready(loop)));
}

int ovl__loop_spawn_coroutine(struct ovl__loop *loop, void (*fn)(void *argument), void *argument,
                              struct ovl__coroutine **ret_coroutine)
{
    free_ended(loop); /* its stack is the one that is still in the caches */
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
