/*
 * Which coroutine of this thread holds which lock. libc knows only the thread: to it all coroutines
 * of a loop are one owner, which would let two of them into a recursive mutex at once.
 */
#ifndef OVL_HOOKS_OWNER_H
#define OVL_HOOKS_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct ovl__coroutine;

/* The number by which libc knows this thread as a lock's owner. */
pid_t ovl__owner_thread(void);

/* Who holds the lock, as far as it was noted; NULL: none of this thread's coroutines. */
struct ovl__coroutine *ovl__owner_of(const void *lock);

/* The coroutine that runs has locked it, once more where it had. Without memory it is not noted. */
void ovl__owner_note(const void *lock);

/* The coroutine that runs is about to unlock it. Whether it now holds it no more. */
bool ovl__owner_forget(const void *lock);

/* The coroutine that runs waits for a lock, for as long as this lies on its stack. */
struct ovl__lock_wait {
    struct ovl__lock_wait *next;
    struct ovl__coroutine *coroutine;
    const void *lock;
};

/*
 * Begins a wait for a lock that another coroutine of this thread may hold. False: it would never
 * end, since that one waits, by however many others, for a lock of the one that runs; then this is
 * said on standard error, and nothing has begun.
 */
bool ovl__lock_wait_begin(struct ovl__lock_wait *wait, const void *lock);
void ovl__lock_wait_end(struct ovl__lock_wait *wait);

/* Says on standard error that the coroutine that runs locks what it holds. */
void ovl__tell_relock(const void *lock);

#endif
