/*
 * Mutexes. A coroutine tries; where another thread or coroutine holds the mutex, it marks it as
 * waited for, as libc's own waiters do, and gives way until the word is woken: so whoever unlocks,
 * by whatever way, wakes it. Which coroutine holds a mutex is noted, since for libc all of a loop
 * are one thread.
 */
#include "hooks/locks.h"

#include "hooks/allocator.h"
#include "hooks/deputy.h"
#include "hooks/owner.h"
#include "loop/futex.h"
#include "loop/loop.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>

OVL__HOOK_FILE(mutex);

/* How libc's mutexes are told apart: part of its binary interface, by its static initialisers. */
#define TYPE_MASK 3
#define ROBUST    0x10
#define INHERITS  0x20 /* priority: the kernel has its part in it */
#define SHARED    0x80

/* The states of the word. */
#define FREE    0
#define LOCKED  1
#define CROWDED 2               /* locked, and others wait: the unlock wakes one */
#define CEILING (int)0xfff80000 /* beside the state, where it protects priority */

/* How often to let others run before it is worth to have the word watched. */
#define YIELDS 4

static int kind_of(const pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED);
}

static int type_of(const pthread_mutex_t *mutex)
{
    return kind_of(mutex) & TYPE_MASK;
}

/* Held by a thread in place of one of this thread's coroutines. */
static bool has_deputy(const pthread_mutex_t *mutex)
{
    return kind_of(mutex) & INHERITS && ovl__deputy_holds(mutex);
}

static int *word_of(pthread_mutex_t *mutex)
{
    return &mutex->__data.__lock;
}

/* Which of the loop's coroutines holds it: the thread holds it, and it was noted for whom. */
static struct ovl__coroutine *holder_of(const pthread_mutex_t *mutex)
{
    struct ovl__coroutine *owner = ovl__owner_of(mutex);
    if (!owner)
        return NULL;
    int thread = __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED);
    return thread == ovl__owner_thread() || has_deputy(mutex) ? owner : NULL;
}

/* The meter is told by a number, which has room beside it for whether processes share the mutex. */
static uint32_t number_of(const pthread_mutex_t *mutex)
{
    uint32_t number = (uint32_t)((uintptr_t)mutex >> 2) & ~OVL_LOCK_SHARED;
    return kind_of(mutex) & SHARED ? number | OVL_LOCK_SHARED : number;
}

static void tell_locked(const pthread_mutex_t *mutex)
{
    if (ovl__current->meter)
        ovl__meter_hold(ovl__current->meter, number_of(mutex));
}

static void tell_unlocks(const pthread_mutex_t *mutex)
{
    if (ovl__current->meter)
        ovl__meter_release(ovl__current->meter, number_of(mutex));
}

/* The coroutine that runs has locked it. */
static void note(const pthread_mutex_t *mutex)
{
    ovl__owner_note(mutex);
    tell_locked(mutex);
}

/* What the coroutine itself holds by a deputy. */
static int lock_once_more(const pthread_mutex_t *mutex)
{
    if (type_of(mutex) != PTHREAD_MUTEX_RECURSIVE)
        return type_of(mutex) == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : EBUSY;
    note(mutex);
    return 0;
}

/* A try on behalf of the coroutine, not of its thread. */
static int try_lock(pthread_mutex_t *mutex)
{
    struct ovl__coroutine *holder = holder_of(mutex);
    if (holder && holder != ovl__current->coroutine)
        return EBUSY;
    if (holder && has_deputy(mutex))
        return lock_once_more(mutex);
    int error = ovl__sys.pthread_mutex_trylock(mutex);
    if (!error || error == EOWNERDEAD)
        note(mutex);
    return error;
}

/*
 * The word as it is while somebody waits. That of a robust mutex is its holder's number, with a bit
 * for those who wait.
 */
static int crowded(const pthread_mutex_t *mutex, int word)
{
    return kind_of(mutex) & ROBUST ? word | (int)FUTEX_WAITERS : (word & CEILING) | CROWDED;
}

static bool is_free(const pthread_mutex_t *mutex, int word)
{
    return kind_of(mutex) & ROBUST ? !(word & FUTEX_TID_MASK) : (word & ~CEILING) == FREE;
}

/* Marks the mutex as waited for; *ret_value is then its word. False: another try is worth it. */
static bool mark_waited_for(pthread_mutex_t *mutex, uint32_t *ret_value)
{
    int word = __atomic_load_n(word_of(mutex), __ATOMIC_RELAXED);
    int marked = crowded(mutex, word);
    *ret_value = (uint32_t)marked;
    if (is_free(mutex, word))
        return false;
    return word == marked || __atomic_compare_exchange_n(word_of(mutex), &word, marked, false,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Gives way until another try is worth it. OVL_ETIMEDOUT. */
static int wait_for_word(pthread_mutex_t *mutex, ovl_time deadline)
{
    uint32_t value;
    if (!mark_waited_for(mutex, &value))
        return 0;
    struct ovl__futex futex = {
        .word = (uint32_t *)word_of(mutex),
        .value = value,
        .shared = kind_of(mutex) & (SHARED | ROBUST), /* the kernel wakes the robust ones so */
    };
    ovl__waits_for("mutex", -1);
    return ovl__futex_wait(&futex, deadline);
}

/*
 * Who has waited cannot know whether others do: it leaves the mutex as one that they wait for, as
 * libc's waiters do, or nobody would wake them.
 */
static void mark_crowded(pthread_mutex_t *mutex)
{
    if (kind_of(mutex) & ROBUST)
        __atomic_fetch_or(word_of(mutex), (int)FUTEX_WAITERS, __ATOMIC_RELAXED);
    else
        __atomic_store_n(word_of(mutex), crowded(mutex, *word_of(mutex)), __ATOMIC_RELAXED);
}

static int wait_for_deputy(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
    int error = ovl__deputy_lock(mutex, clock, time);
    if (!error || error == EOWNERDEAD)
        note(mutex);
    return error;
}

/* When a wait ends at the latest: as the caller has it, and as the loop does. */
struct end {
    clockid_t clock;
    const struct timespec *time; /* NULL: for ever */
    ovl_time deadline;
};

static int wait_and_lock(pthread_mutex_t *mutex, const struct end *end)
{
    bool inherits = kind_of(mutex) & INHERITS;
    int error = EBUSY;
    for (unsigned tries = 0; error == EBUSY; tries++) {
        if (inherits && tries == YIELDS) {
            error = wait_for_deputy(mutex, end->clock, end->time);
            if (error != -1)
                return error;
        }
        if ((tries < YIELDS || inherits ? ovl__pause(tries, end->deadline)
                                        : wait_for_word(mutex, end->deadline)) == OVL_ETIMEDOUT)
            return ETIMEDOUT;
        error = try_lock(mutex);
    }
    if (!error && !inherits)
        mark_crowded(mutex);
    return error;
}

static bool is_relock(const pthread_mutex_t *mutex)
{
    if (holder_of(mutex) != ovl__current->coroutine)
        return false;
    if (type_of(mutex) != PTHREAD_MUTEX_ERRORCHECK)
        ovl__tell_relock(mutex);
    return true;
}

static int lock_contended(pthread_mutex_t *mutex, const struct end *end)
{
    if (is_relock(mutex))
        return EDEADLK;
    struct ovl__lock_wait wait;
    if (!ovl__lock_wait_begin(&wait, mutex))
        return EDEADLK;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = wait_and_lock(mutex, end);
    ovl__lock_wait_end(&wait);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    return error;
}

int ovl__mutex_lock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
    int error = try_lock(mutex);
    if (error != EBUSY)
        return error;
    struct end end = {.clock = clock, .time = time, .deadline = OVL_FOREVER};
    if (time && !ovl__deadline_at(clock, time, &end.deadline))
        return EINVAL;
    int before = errno;
    error = lock_contended(mutex, &end);
    errno = before;
    return error;
}

int ovl__mutex_unlock(pthread_mutex_t *mutex)
{
    struct ovl__coroutine *holder = holder_of(mutex);
    bool checked =
        type_of(mutex) == PTHREAD_MUTEX_ERRORCHECK || type_of(mutex) == PTHREAD_MUTEX_RECURSIVE;
    if (holder && holder != ovl__current->coroutine && checked)
        return EPERM;
    tell_unlocks(mutex);
    bool is_last = !holder || ovl__owner_forget(mutex);
    if (!has_deputy(mutex))
        return ovl__sys.pthread_mutex_unlock(mutex);
    if (is_last)
        ovl__deputy_unlock(mutex);
    return 0;
}

/* A task in a plain thread: passes on the error of a lock. */
static int told(const pthread_mutex_t *mutex, int error)
{
    if (!error || error == EOWNERDEAD)
        tell_locked(mutex);
    return error;
}

/* There only a mutex that is held by another is worth the clock. */
static int metered_lock(pthread_mutex_t *mutex)
{
    int error = ovl__sys.pthread_mutex_trylock(mutex);
    if (error == EBUSY)
        error = OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_mutex_lock(mutex));
    return told(mutex, error);
}

OVL__HOOK int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_mutex_lock(mutex);
    if (!ovl__current->coroutine)
        return metered_lock(mutex);
    if (ovl__is_in_allocator(__builtin_return_address(0)))
        return ovl__sys.pthread_mutex_lock(mutex);
    return ovl__mutex_lock(mutex, CLOCK_MONOTONIC, NULL);
}

OVL__HOOK int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    if (!ovl__in_task() || ovl__is_in_allocator(__builtin_return_address(0)))
        return ovl__sys.pthread_mutex_trylock(mutex);
    if (!ovl__current->coroutine)
        return told(mutex, ovl__sys.pthread_mutex_trylock(mutex));
    return try_lock(mutex);
}

OVL__HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                                      const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_mutex_timedlock(mutex, time);
    if (!ovl__current->coroutine)
        return told(mutex, OVL__METERED(int, -1, OVL_WAIT_LOCK,
                                        ovl__sys.pthread_mutex_timedlock(mutex, time)));
    return ovl__mutex_lock(mutex, CLOCK_REALTIME, time);
}

OVL__HOOK int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                                      const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_mutex_clocklock(mutex, clock, time);
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    if (!ovl__current->coroutine)
        return told(mutex, OVL__METERED(int, -1, OVL_WAIT_LOCK,
                                        ovl__sys.pthread_mutex_clocklock(mutex, clock, time)));
    return ovl__mutex_lock(mutex, clock, time);
}

OVL__HOOK int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_mutex_unlock(mutex);
    if (ovl__current->coroutine)
        return ovl__mutex_unlock(mutex);
    tell_unlocks(mutex);
    return ovl__sys.pthread_mutex_unlock(mutex);
}
