/*
 * The state of a future and its references, in one word:
 *
 *     QUEUED ──claim──► RUNNING ──complete──► DONE
 *        ▲─────requeue─────┘
 *
 * Who claims a task, to run it or to refuse it, owns its outcome and result until it completes it;
 * after that they never change. Beside the state stand a bit that says that somebody waits, and the
 * number of references, so that completing a task and giving up the reference takes one step.
 */
#ifndef OVL_EXECUTOR_STATE_H
#define OVL_EXECUTOR_STATE_H

#include "base/atomic.h"

#include <stdbool.h>

enum ovl__future_state { OVL__QUEUED, OVL__RUNNING, OVL__DONE };

#define OVL__STATE_MASK 3u
#define OVL__WAITED     4u
#define OVL__REFERENCE  8u

struct ovl__state {
    OVL__ATOMIC(unsigned) word;
};

static inline void ovl__state_init(struct ovl__state *state, enum ovl__future_state first,
                                   unsigned references)
{
    ovl__store(&state->word, (unsigned)first + references * OVL__REFERENCE, relaxed);
}

static inline enum ovl__future_state ovl__state_now(const struct ovl__state *state)
{
    return (enum ovl__future_state)(ovl__load(&state->word, acquire) & OVL__STATE_MASK);
}

/* QUEUED → RUNNING; false where it is not QUEUED: somebody else has claimed it. */
static inline bool ovl__state_claim(struct ovl__state *state)
{
    unsigned word = ovl__load(&state->word, relaxed);
    while ((word & OVL__STATE_MASK) == OVL__QUEUED)
        if (ovl__cas(&state->word, &word, word + OVL__RUNNING, acq_rel))
            return true;
    return false;
}

/* RUNNING → QUEUED, by whoever claimed it. */
static inline void ovl__state_requeue(struct ovl__state *state)
{
    ovl__sub(&state->word, (unsigned)OVL__RUNNING, release);
}

/*
 * Says that somebody waits: whoever completes it then wakes. False where it is DONE. The mutex of
 * its waiters is held.
 */
static inline bool ovl__state_await(struct ovl__state *state)
{
    return (ovl__or(&state->word, OVL__WAITED, acq_rel) & OVL__STATE_MASK) != OVL__DONE;
}

static inline void ovl__state_hold(struct ovl__state *state)
{
    ovl__add(&state->word, OVL__REFERENCE, relaxed);
}

/* True: it was the last one. */
static inline bool ovl__state_drop(struct ovl__state *state)
{
    unsigned word = ovl__load(&state->word, acquire);
    if (word / OVL__REFERENCE == 1)
        return true;
    return ovl__sub(&state->word, OVL__REFERENCE, acq_rel) / OVL__REFERENCE == 1;
}

enum ovl__completion {
    OVL__COMPLETE,    /* nobody waits */
    OVL__LAST,        /* nobody waits or ever will: the reference was the last one */
    OVL__WAKE_WAITERS /* somebody waits: they are to be woken, and then the reference given up */
};

/* RUNNING → DONE, by whoever claimed it, and where `drop`, gives up one reference. */
static inline enum ovl__completion ovl__state_complete(struct ovl__state *state, bool drop)
{
    unsigned word = ovl__load(&state->word, relaxed);
    unsigned step = OVL__DONE - OVL__RUNNING - (drop ? OVL__REFERENCE : 0);
    while (!(word & OVL__WAITED))
        if (ovl__cas(&state->word, &word, word + step, acq_rel))
            return (word + step) / OVL__REFERENCE ? OVL__COMPLETE : OVL__LAST;
    ovl__add(&state->word, (unsigned)(OVL__DONE - OVL__RUNNING), acq_rel);
    return OVL__WAKE_WAITERS;
}

#endif
