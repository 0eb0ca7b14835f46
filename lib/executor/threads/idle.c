#include "executor/threads/idle.h"

#include "base/fork.h"

#include <stddef.h>

/* Whoever is taken out searches from here on. The lock is held. */
static struct ovl__sleeper *take_first(struct ovl__idle *idle)
{
    struct ovl__sleeper *first = idle->sleepers;
    if (!first)
        return NULL;
    idle->sleepers = first->next;
    first->announced = false;
    ovl__add(&idle->counts, OVL__SEARCHING - OVL__SLEEPING, seq_cst);
    return first;
}

static struct ovl__sleeper *take_napper(struct ovl__idle *idle)
{
    struct ovl__sleeper *napper = idle->napper;
    if (!napper)
        return NULL;
    idle->napper = NULL;
    ovl__add(&idle->counts, OVL__SEARCHING - OVL__NAPPING, seq_cst);
    return napper;
}

/* A worker is never gone while it may be asleep. */
static void wake(struct ovl__sleeper *sleeper)
{
    ovl__store(&sleeper->woken, 1u, release);
    ovl__word_wake(&sleeper->woken, 1);
}

bool ovl__idle_wake_one(struct ovl__idle *idle)
{
    if (idle->forks != ovl__forks)
        return false;
    ovl__lock(&idle->lock);
    struct ovl__sleeper *sleeper = take_first(idle);
    if (!sleeper)
        sleeper = take_napper(idle);
    ovl__unlock(&idle->lock);
    if (sleeper)
        wake(sleeper);
    return sleeper != NULL;
}

void ovl__idle_wake_all(struct ovl__idle *idle)
{
    while (ovl__idle_wake_one(idle))
        ;
}

static bool begin_nap(struct ovl__idle *idle, struct ovl__sleeper *self)
{
    ovl__lock(&idle->lock);
    bool free = !idle->napper;
    if (free) {
        idle->napper = self;
        ovl__add(&idle->counts, OVL__NAPPING - OVL__SEARCHING, seq_cst);
    }
    ovl__unlock(&idle->lock);
    return free;
}

/* Who was woken meanwhile takes the wake. */
static void end_nap(struct ovl__idle *idle, struct ovl__sleeper *self)
{
    ovl__lock(&idle->lock);
    bool woken = idle->napper != self;
    if (!woken)
        take_napper(idle);
    ovl__unlock(&idle->lock);
    if (woken)
        ovl__idle_sleep(self);
}

bool ovl__idle_nap(struct ovl__idle *idle, struct ovl__sleeper *self, ovl_time until)
{
    if (!begin_nap(idle, self))
        return false;
    ovl__word_wait(&self->woken, 0, until);
    end_nap(idle, self);
    return true;
}

void ovl__idle_announce(struct ovl__idle *idle, struct ovl__sleeper *self)
{
    ovl__lock(&idle->lock);
    self->next = idle->sleepers;
    self->announced = true;
    idle->sleepers = self;
    ovl__add(&idle->counts, OVL__SLEEPING - OVL__SEARCHING, seq_cst);
    ovl__unlock(&idle->lock);
}

static void leave(struct ovl__idle *idle, struct ovl__sleeper *self)
{
    struct ovl__sleeper **place = &idle->sleepers;
    while (*place != self)
        place = &(*place)->next;
    *place = self->next;
    self->announced = false;
    ovl__add(&idle->counts, OVL__SEARCHING - OVL__SLEEPING, seq_cst);
}

/* Who was woken meanwhile takes the wake as if it had slept. */
void ovl__idle_return(struct ovl__idle *idle, struct ovl__sleeper *self)
{
    ovl__lock(&idle->lock);
    bool mine = self->announced;
    if (mine)
        leave(idle, self);
    ovl__unlock(&idle->lock);
    if (!mine)
        ovl__idle_sleep(self);
}

void ovl__idle_sleep(struct ovl__sleeper *self)
{
    while (!ovl__load(&self->woken, acquire))
        ovl__word_wait(&self->woken, 0, OVL_FOREVER);
    ovl__store(&self->woken, 0u, relaxed);
}
