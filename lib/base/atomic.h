/*
 * Atomics, fences and locks, for code that is lock-free or nearly so: such code uses nothing else,
 * so that a model checker can take the place of this header and try its interleavings
 * (tests/model).
 *
 * The orders are C11's, by their last words: relaxed, acquire, release, acq_rel, seq_cst.
 */
#ifndef OVL_BASE_ATOMIC_H
#define OVL_BASE_ATOMIC_H

#include "base/sanitize.h"

#include <overlap/time.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define OVL__ATOMIC(type) _Atomic(type)

#define ovl__load(object, order)         atomic_load_explicit(object, memory_order_##order)
#define ovl__store(object, value, order) atomic_store_explicit(object, value, memory_order_##order)
#define ovl__exchange(object, value, order)                                                        \
    atomic_exchange_explicit(object, value, memory_order_##order)
#define ovl__add(object, value, order)                                                             \
    atomic_fetch_add_explicit(object, value, memory_order_##order)
#define ovl__sub(object, value, order)                                                             \
    atomic_fetch_sub_explicit(object, value, memory_order_##order)
#define ovl__or(object, value, order) atomic_fetch_or_explicit(object, value, memory_order_##order)

/* Where it fails, *expected is what was there, read relaxed. */
#define ovl__cas(object, expected, desired, order)                                                 \
    atomic_compare_exchange_strong_explicit(object, expected, desired, memory_order_##order,       \
                                            memory_order_relaxed)

/* Counts what only the calling thread writes and others may read. */
#define ovl__count(object)                                                                         \
    atomic_store_explicit(object, atomic_load_explicit(object, memory_order_relaxed) + 1,          \
                          memory_order_relaxed)

/* ThreadSanitizer knows no fences: there an access to memory that all share takes its place. */
extern atomic_uint ovl__fence_stand_in;

/* Sequentially consistent: what was written before it is seen by who reads after its own fence. */
static inline void ovl__fence(void)
{
#ifdef OVL__TSAN
    atomic_fetch_add(&ovl__fence_stand_in, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* The same, right after an atomic read-modify-write: on x86 that was one already. */
static inline void ovl__fence_after_rmw(void)
{
#if defined(__x86_64__)
    atomic_signal_fence(memory_order_seq_cst);
#else
    ovl__fence();
#endif
}

/*
 * A pair of fences for a frequent and a rare side: between the two they do what ovl__fence does
 * between two. The light one costs nothing where the system can interrupt all other threads of the
 * process on behalf of the heavy one (membarrier), which then takes microseconds.
 *
 * Source: P1202 (asymmetric fences); membarrier(2).
 */
extern bool ovl__light_fence_is_free;

static inline void ovl__fence_light(void)
{
    if (ovl__light_fence_is_free)
        atomic_signal_fence(memory_order_seq_cst);
    else
        ovl__fence();
}

void ovl__fence_heavy(void);

/* Between two looks at memory that another processor is about to change: tells this one that the
 * thread looks again and again. */
static inline void ovl__spin_hint(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* Sleeps while *word is `value`, until woken or `deadline`: 0, or OVL_ETIMEDOUT; also for nothing.
 */
int ovl__word_wait(atomic_uint *word, unsigned value, ovl_time deadline);

/* Wakes up to `count` threads that sleep on the word. It need not exist any more. */
void ovl__word_wake(atomic_uint *word, int count);

/* A lock of one word, held for moments: 0 free, 1 taken, 2 taken and somebody sleeps. */
struct ovl__lock {
    atomic_uint word;
};

void ovl__lock_slowly(struct ovl__lock *lock);

static inline void ovl__lock(struct ovl__lock *lock)
{
    unsigned expected = 0;
    if (!ovl__cas(&lock->word, &expected, 1u, acquire))
        ovl__lock_slowly(lock);
}

/* Is a read-modify-write: ovl__fence_after_rmw is a fence after it. */
static inline void ovl__unlock(struct ovl__lock *lock)
{
    if (ovl__exchange(&lock->word, 0u, release) == 2)
        ovl__word_wake(&lock->word, 1);
}

#endif
