/*
 * A deque of one worker: its owner pushes and pops at the bottom, thieves steal at the top. What is
 * in it can be stolen at any time.
 *
 * The owner pays no fence: the thief's heavy one stands for both (base/atomic.h), since steals are
 * rare.
 *
 * Source: Chase and Lev, Dynamic Circular Work-Stealing Deque (2005); the orders: Lê, Pop, Cohen
 * and Zappa Nardelli, Correct and Efficient Work-Stealing for Weak Memory Models (2013).
 */
#ifndef OVL_EXECUTOR_THREADS_DEQUE_H
#define OVL_EXECUTOR_THREADS_DEQUE_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept: never 0. */
typedef uintptr_t ovl__entry;

struct ovl__deque_array {
    int64_t mask;                     /* how many it holds, a power of two, less one */
    struct ovl__deque_array *smaller; /* thieves may still read it; freed with the deque */
    OVL__ATOMIC(ovl__entry) entries[];
};

struct ovl__deque {
    /* Where the next is stolen; only grows. On a line of its own: thieves write it. */
    _Alignas(64) OVL__ATOMIC(int64_t) top;
    _Alignas(64) OVL__ATOMIC(int64_t) bottom; /* behind the last; the owner's */
    OVL__ATOMIC(struct ovl__deque_array *) array;
};

/* -ENOMEM */
int ovl__deque_init(struct ovl__deque *deque);
void ovl__deque_release(struct ovl__deque *deque);

/* Makes room for one more; false where there is no memory for it. The owner. */
bool ovl__deque_grow(struct ovl__deque *deque);

/* False: no memory, and nothing was pushed. The owner. */
static inline bool ovl__deque_push(struct ovl__deque *deque, ovl__entry entry)
{
    int64_t bottom = ovl__load(&deque->bottom, relaxed);
    struct ovl__deque_array *array = ovl__load(&deque->array, relaxed);
    if (__builtin_expect(bottom - ovl__load(&deque->top, acquire) > array->mask, 0)) {
        if (!ovl__deque_grow(deque))
            return false;
        array = ovl__load(&deque->array, relaxed);
    }
    ovl__store(&array->entries[bottom & array->mask], entry, relaxed);
    ovl__store(&deque->bottom, bottom + 1, release);
    return true;
}

/* The last one of several may be wanted by a thief at the same time: who moves the top has it. */
static inline ovl__entry ovl__deque_pop_last(struct ovl__deque *deque, ovl__entry entry,
                                             int64_t bottom)
{
    int64_t top = bottom;
    bool won = ovl__cas(&deque->top, &top, bottom + 1, seq_cst);
    ovl__store(&deque->bottom, bottom + 1, relaxed);
    return won ? entry : 0;
}

/* The entry that was pushed last, or 0. The owner. */
static inline ovl__entry ovl__deque_pop(struct ovl__deque *deque)
{
    int64_t bottom = ovl__load(&deque->bottom, relaxed) - 1;
    struct ovl__deque_array *array = ovl__load(&deque->array, relaxed);
    ovl__store(&deque->bottom, bottom, relaxed);
    ovl__fence_light();
    int64_t top = ovl__load(&deque->top, relaxed);
    if (__builtin_expect(top < bottom, 1))
        return ovl__load(&array->entries[bottom & array->mask], relaxed);
    if (top == bottom)
        return ovl__deque_pop_last(deque, ovl__load(&array->entries[bottom & array->mask], relaxed),
                                   bottom);
    ovl__store(&deque->bottom, bottom + 1, relaxed);
    return 0;
}

/* Whether there seems to be something in it. Any thread. */
static inline bool ovl__deque_seems_filled(struct ovl__deque *deque)
{
    int64_t top = ovl__load(&deque->top, relaxed);
    return top < ovl__load(&deque->bottom, relaxed);
}

/*
 * Steals the entry that was pushed first, if its place is at `from` or behind, and `may` (NULL:
 * any) is true of it. 0: there is none such. Any thread.
 */
ovl__entry ovl__deque_steal(struct ovl__deque *deque, int64_t from, bool (*may)(ovl__entry entry));

#endif
