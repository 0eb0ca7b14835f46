/*
 * Mutexes. A coroutine tries; where another thread or coroutine holds the mutex, it marks it as
 * waited for, as libc's own waiters do, and gives way until the word is woken: so whoever unlocks,
 * by whatever way, wakes it. Which coroutine holds a mutex is noted, since for libc all of a loop
 * are one thread.
 */
#include "hooks/locks.h"

#include "hooks/allocator.h"
#include "hooks/owner.h"
#include "loop/futex.h"
#include "loop/loop.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>

OVL__HOOK_FILE(mutex);

/* How libc's mutexes are told apart: part of its binary interface, by its static initialisers. */
#define TYPE_MASK    3
#define ROBUST       0x10
#define SPECIAL_MASK 0x60 /* priority inheritance, priority protection */
#define SHARED       0x80

/* The states of the word. */
#define FREE    0
#define LOCKED  1
#define CROWDED 2 /* locked, and others wait: the unlock wakes one */

/* How often to let others run before it is worth to have the word watched. */
#define YIELDS 4

static int kind_of(const pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED);
}

/* The kernel has its part in these: they are tried again and again. */
static bool is_special(const pthread_mutex_t *mutex)
{
    return kind_of(mutex) & SPECIAL_MASK;
}

static int *word_of(pthread_mutex_t *mutex)
{
    return &mutex->__data.__lock;
}

/* gettid is a system call; a thread changes its number in a child of fork only. */
static _Thread_local pid_t thread_number;

static void forget_thread_number(void)
{
    thread_number = 0;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_thread_number);
}

static pid_t this_thread(void)
{
    if (!thread_number)
        thread_number = gettid();
    return thread_number;
}

/* Which of the loop's coroutines holds it: the thread holds it, and it was noted for whom. */
static struct ovl__coroutine *holder_of(const pthread_mutex_t *mutex)
{
    struct ovl__coroutine *owner = ovl__owner_of(mutex);
    if (!owner || __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) != this_thread())
        return NULL;
    return owner;
}

/* A try on behalf of the coroutine, not of its thread. */
static int try_lock(pthread_mutex_t *mutex)
{
    struct ovl__coroutine *holder = holder_of(mutex);
    if (holder && holder != ovl__current->coroutine)
        return EBUSY;
    int error = ovl__sys.pthread_mutex_trylock(mutex);
    if (!error || error == EOWNERDEAD)
        ovl__owner_note(mutex);
    return error;
}

/*
 * Marks the mutex as waited for; *ret_value is then its word. False: it is free. The word of a
 * robust mutex is its holder's number, with a bit for those who wait.
 */
static bool mark_waited_for(pthread_mutex_t *mutex, uint32_t *ret_value)
{
    bool robust = kind_of(mutex) & ROBUST;
    int state = robust ? __atomic_load_n(word_of(mutex), __ATOMIC_RELAXED) : LOCKED;
    int marked = robust ? state | (int)FUTEX_WAITERS : CROWDED;
    *ret_value = (uint32_t)marked;
    if (robust && (!(state & FUTEX_TID_MASK) || state == marked))
        return state == marked;
    return __atomic_compare_exchange_n(word_of(mutex), &state, marked, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED) ||
           state == marked;
}

/* Gives way until another try is worth it. OVL_ETIMEDOUT. */
static int wait_for_word(pthread_mutex_t *mutex, unsigned tries, ovl_time deadline)
{
    uint32_t value;
    if (tries < YIELDS || is_special(mutex))
        return ovl__pause(tries, deadline);
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
    else if (!is_special(mutex))
        __atomic_store_n(word_of(mutex), CROWDED, __ATOMIC_RELAXED);
}

static int wait_and_lock(pthread_mutex_t *mutex, ovl_time deadline)
{
    int error = EBUSY;
    for (unsigned tries = 0; error == EBUSY; tries++) {
        if (wait_for_word(mutex, tries, deadline) == OVL_ETIMEDOUT)
            return ETIMEDOUT;
        error = try_lock(mutex);
    }
    if (!error)
        mark_crowded(mutex);
    return error;
}

static bool is_relock(const pthread_mutex_t *mutex)
{
    if (holder_of(mutex) != ovl__current->coroutine)
        return false;
    if ((kind_of(mutex) & TYPE_MASK) != PTHREAD_MUTEX_ERRORCHECK)
        ovl__tell_relock(mutex);
    return true;
}

static int lock_contended(pthread_mutex_t *mutex, ovl_time deadline)
{
    if (is_relock(mutex))
        return EDEADLK;
    struct ovl__lock_wait wait;
    if (!ovl__lock_wait_begin(&wait, mutex))
        return EDEADLK;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = wait_and_lock(mutex, deadline);
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
    ovl_time deadline = OVL_FOREVER;
    if (time && !ovl__deadline_at(clock, time, &deadline))
        return EINVAL;
    int before = errno;
    error = lock_contended(mutex, deadline);
    errno = before;
    return error;
}

int ovl__mutex_unlock(pthread_mutex_t *mutex)
{
    struct ovl__coroutine *holder = holder_of(mutex);
    bool checked = (kind_of(mutex) & TYPE_MASK) == PTHREAD_MUTEX_ERRORCHECK ||
                   (kind_of(mutex) & TYPE_MASK) == PTHREAD_MUTEX_RECURSIVE;
    if (holder && holder != ovl__current->coroutine && checked)
        return EPERM;
    if (holder)
        ovl__owner_forget(mutex);
    return ovl__sys.pthread_mutex_unlock(mutex);
}

/* In a plain thread only a mutex that is held by another is worth the clock. */
static int metered_lock(pthread_mutex_t *mutex)
{
    int error = ovl__sys.pthread_mutex_trylock(mutex);
    if (error != EBUSY)
        return error;
    return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_mutex_lock(mutex));
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
    if (!ovl__in_coroutine() || ovl__is_in_allocator(__builtin_return_address(0)))
        return ovl__sys.pthread_mutex_trylock(mutex);
    return try_lock(mutex);
}

OVL__HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                                      const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_mutex_timedlock(mutex, time);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_mutex_timedlock(mutex, time));
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
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.pthread_mutex_clocklock(mutex, clock, time));
    return ovl__mutex_lock(mutex, clock, time);
}

OVL__HOOK int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!ovl__in_coroutine())
        return ovl__sys.pthread_mutex_unlock(mutex);
    return ovl__mutex_unlock(mutex);
}
