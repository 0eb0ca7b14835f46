/*
 * Cancel scopes: stretches of a coroutine's work, and of all that it starts in them, that can be
 * called off together. Scopes nest. A scope that was cancelled stays so: every wait inside of it
 * fails, not only the next one, until the coroutine has left it.
 *
 * For the loop's own thread.
 */
#ifndef OVL_LOOP_SCOPE_H
#define OVL_LOOP_SCOPE_H

#include "base/list.h"
#include "loop/timer.h"

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

struct ovl__coroutine;
struct ovl__loop;

struct ovl__scope {
    struct ovl__scope *parent;
    int reason;                /* 0; OVL_ECANCELED or OVL_ETIMEDOUT: what is inside is called off */
    bool shield;               /* what is outside does not reach in */
    struct ovl__link sibling;  /* among the parent's children */
    struct ovl__link children; /* of struct ovl__scope */
    struct ovl__link coroutines; /* whose innermost scope it is: through their scope_link */
    struct ovl__loop *loop;
    struct ovl__timer timer;
};

/*
 * Begins a scope inside of `parent` (NULL: of nothing), which is cancelled with OVL_ETIMEDOUT at
 * `deadline`. -ENOMEM: the scope did not begin.
 */
int ovl__scope_begin(struct ovl__scope *scope, struct ovl__loop *loop, struct ovl__scope *parent,
                     ovl_time deadline, bool shield);

/* Ends a scope: nothing is inside of it any more. Its reason stays readable. */
void ovl__scope_end(struct ovl__scope *scope);

/* Calls off what is inside, for the first reason that is given. */
void ovl__scope_cancel(struct ovl__scope *scope, int reason);

/* Makes `scope` the coroutine's innermost one; NULL: it has none. */
void ovl__scope_move(struct ovl__coroutine *coroutine, struct ovl__scope *scope);

/* Why the next wait inside of `scope` is to fail; 0: it is not. */
static inline int ovl__scope_reason(const struct ovl__scope *scope)
{
    for (; scope; scope = scope->shield ? NULL : scope->parent)
        if (scope->reason)
            return scope->reason;
    return 0;
}

#endif
