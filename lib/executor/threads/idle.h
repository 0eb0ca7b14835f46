/*
 * How workers without work rest, and are woken when there is some.
 *
 *     active ──► searching ──► napping ──► searching ──► sleeping
 *        ▲───────────┴────────────┴──────────────┴───────────┘
 *
 * A worker that finds nothing searches for some microseconds. Then it naps: it sleeps for moments
 * and searches again, for about a millisecond in all; of all workers one at a time. Then, or where
 * another naps already, it announces that it sleeps, looks once more, and sleeps until woken.
 * Whoever makes work visible then looks whether somebody sleeps. The fences between the two pairs
 * see to it that one of them notices the other: no wake is lost.
 *
 * While somebody searches, nobody is woken: who searches will find the work. The last one that
 * ceases to search, having found some, looks whether there is more, and wakes the next. While
 * somebody naps and others are active, nobody need be woken either: so a stream of short tasks,
 * which one worker can keep up with, does not wake another with each of them.
 */
#ifndef OVL_EXECUTOR_THREADS_IDLE_H
#define OVL_EXECUTOR_THREADS_IDLE_H

#include "base/atomic.h"

#include <stdbool.h>

/* A worker's place among those that sleep. */
struct ovl__sleeper {
    OVL__ATOMIC(unsigned) woken; /* it sleeps on it */
    bool announced;              /* in the list; under the lock */
    struct ovl__sleeper *next;   /* in the list */
};

struct ovl__idle {
    _Alignas(64) OVL__ATOMIC(uint64_t) counts; /* how many do what: OVL__ACTIVE and the others */
    OVL__ATOMIC(unsigned) limit;               /* how many may be active, of those that begin */
    struct ovl__lock lock;
    struct ovl__sleeper *sleepers; /* who fell asleep last is first: its memory is warm */
    struct ovl__sleeper *napper;   /* or NULL; under the lock */
    unsigned forks;                /* as ovl__forks when it was made: in a child nobody sleeps */
};

/* One worker more in the counts. */
#define OVL__ACTIVE    ((uint64_t)1)
#define OVL__SEARCHING ((uint64_t)1 << 16)
#define OVL__NAPPING   ((uint64_t)1 << 32)
#define OVL__SLEEPING  ((uint64_t)1 << 48)

/* How many of them there are in the counts. */
static inline unsigned ovl__idle_number(uint64_t counts, uint64_t what)
{
    return (unsigned)(counts / what & 0xffff);
}

/* A worker begins its life: it searches. */
static inline void ovl__idle_begin(struct ovl__idle *idle)
{
    ovl__add(&idle->counts, OVL__SEARCHING, seq_cst);
}

/* An active worker begins to search. */
static inline void ovl__idle_search(struct ovl__idle *idle)
{
    ovl__add(&idle->counts, OVL__SEARCHING - OVL__ACTIVE, seq_cst);
}

/*
 * Ceases to search, to take work that it seems to have found, and is active; OVL__FORBIDDEN, and
 * it searches on: as many are active as may be. OVL__LAST_SEARCHER: nobody else searches, while
 * others rest; once the caller has its work, it looks, after a fence, whether there is more, and
 * if so notifies.
 */
enum ovl__found { OVL__FORBIDDEN, OVL__FOUND, OVL__LAST_SEARCHER };

static inline enum ovl__found ovl__idle_found(struct ovl__idle *idle)
{
    uint64_t counts = ovl__load(&idle->counts, relaxed);
    do {
        if (ovl__idle_number(counts, OVL__ACTIVE) >= ovl__load(&idle->limit, relaxed))
            return OVL__FORBIDDEN;
    } while (!ovl__cas(&idle->counts, &counts, counts + OVL__ACTIVE - OVL__SEARCHING, seq_cst));
    bool last = ovl__idle_number(counts, OVL__SEARCHING) == 1 && counts >= OVL__NAPPING;
    return last ? OVL__LAST_SEARCHER : OVL__FOUND;
}

/* Whether one more may be active, or, of those that are, one too many is. */
static inline bool ovl__idle_may_begin(struct ovl__idle *idle)
{
    uint64_t counts = ovl__load(&idle->counts, relaxed);
    return ovl__idle_number(counts, OVL__ACTIVE) < ovl__load(&idle->limit, relaxed);
}

static inline bool ovl__idle_must_end(struct ovl__idle *idle)
{
    unsigned limit = ovl__load(&idle->limit, relaxed);
    return limit < 0xffff &&
           ovl__idle_number(ovl__load(&idle->counts, relaxed), OVL__ACTIVE) > limit;
}

/* An active worker's task begins to wait, and has ended to: it is nothing meanwhile, and may be one
 * active worker too many afterwards. */
static inline void ovl__idle_suspend(struct ovl__idle *idle)
{
    ovl__sub(&idle->counts, OVL__ACTIVE, seq_cst);
}

static inline void ovl__idle_resume(struct ovl__idle *idle)
{
    ovl__add(&idle->counts, OVL__ACTIVE, seq_cst);
}

/* A worker that searches ends. */
static inline void ovl__idle_end(struct ovl__idle *idle)
{
    ovl__sub(&idle->counts, OVL__SEARCHING, seq_cst);
}

/* Wakes one who sleeps, or else who naps, who then searches; false where there is none. */
bool ovl__idle_wake_one(struct ovl__idle *idle);

/* Wakes all. */
void ovl__idle_wake_all(struct ovl__idle *idle);

/*
 * There is work: sees to it that somebody will find it; at once, where `soon`, or where nobody is
 * active. After the work was made visible, and a fence (a light one, if that of who falls asleep is
 * heavy).
 */
static inline void ovl__idle_notify(struct ovl__idle *idle, bool soon)
{
    uint64_t counts = ovl__load(&idle->counts, relaxed);
    if (__builtin_expect(counts < OVL__NAPPING, 1) || ovl__idle_number(counts, OVL__SEARCHING))
        return;
    unsigned active = ovl__idle_number(counts, OVL__ACTIVE);
    if (active < ovl__load(&idle->limit, relaxed) &&
        (soon || !active || !ovl__idle_number(counts, OVL__NAPPING)))
        ovl__idle_wake_one(idle);
}

/* Naps until `until` or until woken, and searches again; false where another naps already. */
bool ovl__idle_nap(struct ovl__idle *idle, struct ovl__sleeper *self, ovl_time until);

/*
 * Ceases to search, in vain: announces that the worker sleeps. The caller then looks once more,
 * after a heavy fence, and calls ovl__idle_return or ovl__idle_sleep.
 */
void ovl__idle_announce(struct ovl__idle *idle, struct ovl__sleeper *self);

/* Searches again, after all. */
void ovl__idle_return(struct ovl__idle *idle, struct ovl__sleeper *self);

/* Sleeps until woken; the worker searches then. */
void ovl__idle_sleep(struct ovl__sleeper *self);

#endif
