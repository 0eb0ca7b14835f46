/*
 * Scopes: stretches of a coroutine's work with a deadline, or out of reach of cancellation.
 *
 *     struct ovl_scope scope;
 *     int error = ovl_scope_enter(&scope, ovl_after(2 * OVL_SECOND), 0);
 *     if (error)
 *         return error;
 *     talk(server);                     // whatever it waits for fails after two seconds
 *     error = ovl_scope_leave(&scope);  // OVL_ETIMEDOUT where that happened
 *
 * Cancellation is a state, not an event: in a cancelled scope every wait fails, with OVL_ECANCELED
 * from the functions of this library and with errno ECANCELED from hooked calls, until the scope is
 * left. So nobody can swallow it.
 */
#ifndef OVERLAP_SCOPE_H
#define OVERLAP_SCOPE_H

#include <overlap/export.h>
#include <overlap/time.h>

OVL_BEGIN_DECLS

/* Lies where the coroutine has it, usually on its stack. */
struct ovl_scope {
    void *opaque[24];
};

/* What is outside does not reach in: for what must be brought to its end, such as a goodbye. */
#define OVL_SHIELD (1u << 0)

/*
 * Begins a scope of the calling coroutine, cancelled at `deadline`. Scopes and groups are left in
 * the opposite order.
 *
 * Threads: a coroutine. Errors: -EPERM (not in a coroutine), -EINVAL (unknown flags), -ENOMEM.
 */
OVL_EXPORT int ovl_scope_enter(struct ovl_scope *scope, ovl_time deadline, unsigned flags);

/* Calls off what is inside. Threads: the loop's own, while the scope is entered. */
OVL_EXPORT void ovl_scope_cancel(struct ovl_scope *scope);

/*
 * Ends the scope.
 *
 * Returns 0; OVL_ETIMEDOUT where its deadline came, OVL_ECANCELED where it or one around it was
 * cancelled.
 *
 * Threads: the coroutine that entered it.
 */
OVL_EXPORT int ovl_scope_leave(struct ovl_scope *scope);

OVL_END_DECLS

#endif
