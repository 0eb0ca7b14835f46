#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/loop.h"
#include "loop/scope.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/group.h>
#include <overlap/scope.h>

/* --- scopes --- */

_Static_assert(sizeof(struct ovl__scope) + sizeof(struct ovl__scope *) <= sizeof(struct ovl_scope),
               "struct ovl_scope is too small");

static struct ovl__scope *inner(struct ovl_scope *scope)
{
    return (struct ovl__scope *)(void *)scope->opaque;
}

int ovl_scope_enter(struct ovl_scope *scope, ovl_time deadline, unsigned flags)
{
    if (!ovl_in_coroutine())
        return -EPERM;
    if (flags & ~OVL_SHIELD)
        return -EINVAL;
    struct ovl__coroutine *self = ovl__current->coroutine;
    int error =
        ovl__scope_begin(inner(scope), self->loop, self->scope, deadline, flags & OVL_SHIELD);
    if (!error)
        ovl__scope_move(self, inner(scope));
    return error;
}

void ovl_scope_cancel(struct ovl_scope *scope)
{
    ovl__scope_cancel(inner(scope), OVL_ECANCELED);
}

int ovl_scope_leave(struct ovl_scope *scope)
{
    struct ovl__scope *self = inner(scope);
    int reason = ovl__scope_reason(self);
    if (reason && !self->reason)
        reason = OVL_ECANCELED; /* a scope around it: what its reason was is its own affair */
    ovl__scope_move(ovl__current->coroutine, self->parent);
    ovl__scope_end(self);
    return reason;
}

/* --- groups --- */

struct ovl_group {
    struct ovl__scope scope;
    struct ovl__coroutine *opener;
    size_t running;
    int error;    /* the first coroutine's that failed */
    bool closing; /* the opener waits for `running` to be 0 */
};

int ovl_group_open(ovl_time deadline, struct ovl_group **ret_group)
{
    if (!ovl_in_coroutine())
        return -EPERM;
    struct ovl_group *group = ovl__zalloc(sizeof *group);
    if (!group)
        return -ENOMEM;
    group->opener = ovl__current->coroutine;
    int error =
        ovl__scope_begin(&group->scope, group->opener->loop, group->opener->scope, deadline, false);
    if (error) {
        free(group);
        return error;
    }
    ovl__scope_move(group->opener, &group->scope);
    *ret_group = group;
    return 0;
}

/* The group is the coroutine's owner, and what it calls lies in it: starting one allocates nothing
 * but its stack. */
static void run_member(void *argument)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl_group *group = self->owner;
    int error = self->call(argument);
    ovl__scope_move(self, NULL);
    /* One that fails because the group was cancelled tells nothing new. */
    if (error && !group->error && !group->scope.reason) {
        group->error = error;
        ovl__scope_cancel(&group->scope, OVL_ECANCELED);
    }
    group->running--;
    if (group->closing && !group->running)
        ovl__resume(group->opener);
}

int ovl_group_go(struct ovl_group *group, ovl_coroutine_fn *fn, void *argument)
{
    if (ovl__scope_reason(&group->scope))
        return OVL_ECANCELED;
    struct ovl__coroutine *coroutine;
    int error = ovl__loop_spawn_coroutine(group->scope.loop, run_member, argument, &coroutine);
    if (error)
        return error;
    coroutine->call = fn;
    coroutine->owner = group;
    ovl__scope_move(coroutine, &group->scope);
    group->running++;
    return 0;
}

void ovl_group_cancel(struct ovl_group *group)
{
    ovl__scope_cancel(&group->scope, OVL_ECANCELED);
}

int ovl_group_close(struct ovl_group *group)
{
    if (!group)
        return 0;
    group->closing = true;
    while (group->running) {
        ovl__waits_for("group", -1);
        ovl__suspend_shielded(OVL_FOREVER);
    }
    int reason = ovl__scope_reason(&group->scope);
    if (reason && !group->scope.reason)
        reason = OVL_ECANCELED;
    ovl__scope_move(group->opener, group->scope.parent);
    ovl__scope_end(&group->scope);
    int error = group->error ? group->error : reason;
    free(group);
    return error;
}
