/*
 * Takes the place of lib/base/atomic.h: the same names, but each step is one that the checker
 * (model.c) orders, and each load one for which it chooses among the values that it may see.
 *
 * A scenario is some threads, which run as coroutines of one thread. The checker runs it again and
 * again, each time with other choices, until it has tried all that are allowed: who goes on after
 * each step, with so many switches at most away from a thread that could go on; and which store
 * each load reads, as C11 has it, where loads and stores are not ordered otherwise: an old one is
 * seen, if none that is newer is known to the thread, by its own steps or by an acquire of
 * another's release. Futexes, fences, and the light and heavy ones, are modelled; stores are not
 * delayed beyond later ones of the same place, and no value comes out of thin air.
 */
#ifndef OVL_BASE_ATOMIC_H
#define OVL_BASE_ATOMIC_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stdint.h>

enum model_order { relaxed, acquire, release, acq_rel, seq_cst };

uint64_t model_load(const void *place, unsigned size, enum model_order order);
void model_store(void *place, unsigned size, uint64_t value, enum model_order order);

/* Reads the newest and writes `value` combined with it: '=', '+', '-' or '|'. */
uint64_t model_change(void *place, unsigned size, char how, uint64_t value, enum model_order order);
bool model_cas(void *place, unsigned size, void *expected, uint64_t desired,
               enum model_order order);
void model_fence(void);
void model_fence_light(void);
void model_fence_heavy(void);
void model_pause(void);
int model_wait(const void *word, unsigned value, ovl_time deadline);
void model_wake(const void *word, int count);

#define OVL__ATOMIC(type) type
typedef unsigned model_uint;
#define atomic_uint model_uint

#define MODEL_VALUE(object, call)                                                                  \
    __extension__({                                                                                \
        __typeof__(*(object) + 0) model_value = (__typeof__(*(object) + 0))call;                   \
        model_value;                                                                               \
    })
#define ovl__load(object, order) MODEL_VALUE(object, model_load(object, sizeof *(object), order))
#define ovl__store(object, value, order)                                                           \
    model_store((void *)(object), sizeof *(object), (uint64_t)(value), order)
#define MODEL_CHANGE(object, how, value, order)                                                    \
    MODEL_VALUE(object, model_change(object, sizeof *(object), how, (uint64_t)(value), order))
#define ovl__exchange(object, value, order) MODEL_CHANGE(object, '=', value, order)
#define ovl__add(object, value, order)      MODEL_CHANGE(object, '+', value, order)
#define ovl__sub(object, value, order)      MODEL_CHANGE(object, '-', value, order)
#define ovl__or(object, value, order)       MODEL_CHANGE(object, '|', value, order)
#define ovl__cas(object, expected, desired, order)                                                 \
    model_cas(object, sizeof *(object), expected, (uint64_t)(desired), order)
#define ovl__count(object) ovl__store(object, ovl__load(object, relaxed) + 1, relaxed)

#define ovl__fence()           model_fence()
#define ovl__fence_after_rmw() model_fence()
#define ovl__fence_light()     model_fence_light()
#ifndef MUTATE_HEAVY_FENCE
#define ovl__fence_heavy() model_fence_heavy()
#else
#define ovl__fence_heavy() ((void)0)
#endif
#define ovl__spin_hint()                      model_pause()
#define ovl__word_wait(word, value, deadline) model_wait(word, value, deadline)
#define ovl__word_wake(word, count)           model_wake(word, count)

/* A lock is one step to take, for which its taker waits: what it does inside is the library's own.
 */
struct ovl__lock {
    unsigned word;
};

static inline void ovl__lock(struct ovl__lock *lock)
{
    unsigned free = 0;
    while (!model_cas(&lock->word, sizeof lock->word, &free, 1, acquire)) {
        model_wait(&lock->word, 1, OVL_FOREVER);
        free = 0;
    }
}

static inline void ovl__unlock(struct ovl__lock *lock)
{
    model_change(&lock->word, sizeof lock->word, '=', 0, release);
    model_wake(&lock->word, 1);
}

/* --- scenarios --- */

#define MODEL_THREADS 4

struct scenario {
    const char *name;
    unsigned threads;
    void (*begin)(void);         /* before each run, alone */
    void (*thread)(unsigned me); /* each thread's */
    void (*end)(void);           /* after each run, alone */
};

/* Whether the run is as it should be; else it is told, and how it came about. */
void model_check(bool holds, const char *what);
#define MODEL_CHECK(condition) model_check(condition, #condition)

/* Runs a scenario in all its ways; returns how many were tried, or 0 where one failed. */
unsigned long model_run(const struct scenario *scenario, unsigned preemptions);

#endif
