#include "loop/scope.h"

#include "coroutine/coroutine.h"
#include "loop/loop.h"

#include <overlap/error.h>

static void expire(struct ovl__timer *timer)
{
    ovl__scope_cancel(ovl__of(timer, struct ovl__scope, timer), OVL_ETIMEDOUT);
}

int ovl__scope_begin(struct ovl__scope *scope, struct ovl__loop *loop, struct ovl__scope *parent,
                     ovl_time deadline, bool shield)
{
    *scope = (struct ovl__scope){
        .parent = parent,
        .loop = loop,
        .timer = {.fire = expire},
        .shield = shield,
    };
    ovl__list_init(&scope->sibling);
    ovl__list_init(&scope->children);
    ovl__list_init(&scope->coroutines);
    if (deadline != OVL_FOREVER) {
        int error = ovl__timer_start(ovl__loop_timers(loop), &scope->timer, deadline);
        if (error)
            return error;
    }
    if (parent)
        ovl__list_append(&parent->children, &scope->sibling);
    return 0;
}

void ovl__scope_end(struct ovl__scope *scope)
{
    ovl__timer_stop(ovl__loop_timers(scope->loop), &scope->timer);
    ovl__list_remove(&scope->sibling);
}

/* Everyone inside who waits is woken to find the reason. A shield keeps what is behind it. */
static void wake_inside(struct ovl__scope *scope)
{
    struct ovl__link *link;
    for (link = scope->coroutines.next; link != &scope->coroutines; link = link->next)
        ovl__interrupt(ovl__of(link, struct ovl__coroutine, scope_link));
    for (link = scope->children.next; link != &scope->children; link = link->next) {
        struct ovl__scope *child = ovl__of(link, struct ovl__scope, sibling);
        if (!child->shield)
            wake_inside(child);
    }
}

void ovl__scope_cancel(struct ovl__scope *scope, int reason)
{
    if (scope->reason)
        return;
    scope->reason = reason;
    wake_inside(scope);
}

void ovl__scope_move(struct ovl__coroutine *coroutine, struct ovl__scope *scope)
{
    if (coroutine->scope)
        ovl__list_remove(&coroutine->scope_link);
    coroutine->scope = scope;
    if (scope)
        ovl__list_append(&scope->coroutines, &coroutine->scope_link);
}
