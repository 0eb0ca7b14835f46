#include "loop/interrupt.h"

#include "coroutine/coroutine.h"
#include "loop/loop.h"

#include <stddef.h>

_Thread_local struct ovl__signals ovl__signals;

static _Thread_local struct ovl__link waits;
static _Thread_local unsigned seen; /* of ovl__signals.all */

void ovl__signal_came(bool restarts)
{
    ovl__signals.all++;
    if (!restarts)
        ovl__signals.breaking++;
    ovl__loop_nudge();
}

static unsigned count_for(const struct ovl__interruptible *wait)
{
    return wait->by_all ? ovl__signals.all : ovl__signals.breaking;
}

void ovl__interruptible_begin(struct ovl__interruptible *wait, bool by_all)
{
    if (!waits.next)
        ovl__list_init(&waits);
    wait->coroutine = ovl__current->coroutine;
    wait->by_all = by_all;
    wait->before = count_for(wait);
    wait->coroutine->interruptible = wait;
    ovl__list_append(&waits, &wait->link);
}

bool ovl__interrupted(const struct ovl__interruptible *wait)
{
    return count_for(wait) != wait->before;
}

bool ovl__interruptible_end(struct ovl__interruptible *wait)
{
    ovl__list_remove(&wait->link);
    wait->coroutine->interruptible = NULL;
    return ovl__interrupted(wait);
}

void ovl__interrupt_waits(void)
{
    if (seen == ovl__signals.all || !waits.next)
        return;
    seen = ovl__signals.all;
    for (struct ovl__link *link = waits.next; link != &waits; link = link->next) {
        struct ovl__interruptible *wait = ovl__of(link, struct ovl__interruptible, link);
        if (ovl__interrupted(wait))
            ovl__resume(wait->coroutine);
    }
}
