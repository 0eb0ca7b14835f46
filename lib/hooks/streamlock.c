/*
 * The locks of stdio's streams: libc has them belong to a thread, and here each belongs to a
 * coroutine.
 */
#include "hooks/hooks.h"
#include "hooks/stream.h"
#include "loop/futex.h"

#include <stdlib.h>

OVL__HOOK_FILE(streamlock);

/* libc has them by two names, of which one is not hooked. */
extern __typeof__(flockfile) libc_flockfile __asm__("_IO_flockfile");
extern __typeof__(ftrylockfile) libc_ftrylockfile __asm__("_IO_ftrylockfile");
extern __typeof__(funlockfile) libc_funlockfile __asm__("_IO_funlockfile");

/* Of this thread's coroutines, which wait for each other only; the mutex is for their lists. */
static _Thread_local struct ovl__stream_hold *holds;
static _Thread_local pthread_mutex_t holds_lock = PTHREAD_MUTEX_INITIALIZER;

static struct ovl__stream_hold *hold_of_another(const FILE *stream)
{
    struct ovl__stream_hold *hold = holds;
    while (hold && (hold->stream != stream || hold->owner == ovl__self()))
        hold = hold->next;
    return hold;
}

bool ovl__stream_is_another_s(const FILE *stream)
{
    return hold_of_another(stream);
}

/* What flockfile has taken for the running coroutine. */
static struct ovl__stream_hold *kept(const FILE *stream)
{
    struct ovl__stream_hold *hold = holds;
    while (hold && (hold->stream != stream || hold->owner != ovl__self() || !hold->times))
        hold = hold->next;
    return hold;
}

static void begin(FILE *stream, struct ovl__stream_hold *hold)
{
    __tsan_acquire(stream);
    *hold = (struct ovl__stream_hold){.next = holds, .owner = ovl__self(), .stream = stream};
    ovl__wait_list_init(&hold->waiters);
    holds = hold;
}

void ovl__stream_lock(FILE *stream, struct ovl__stream_hold *hold)
{
    struct ovl__stream_hold *other;
    ovl__park_lock(&holds_lock);
    for (unsigned tries = 0; (other = hold_of_another(stream)) || libc_ftrylockfile(stream);
         tries++) {
        if (other)
            ovl__wait(&other->waiters, &holds_lock, OVL_FOREVER);
        ovl__park_unlock(&holds_lock);
        if (!other)
            ovl__pause(tries, OVL_FOREVER);
        ovl__park_lock(&holds_lock);
    }
    begin(stream, hold);
    ovl__park_unlock(&holds_lock);
}

void ovl__stream_unlock(struct ovl__stream_hold *hold)
{
    struct ovl__stream_hold **place = &holds;
    ovl__park_lock(&holds_lock);
    while (*place != hold)
        place = &(*place)->next;
    *place = hold->next;
    __tsan_release(hold->stream);
    libc_funlockfile(hold->stream);
    ovl__wake_all(&hold->waiters);
    ovl__park_unlock(&holds_lock);
}

/* --- flockfile --- */

/* Locks it once more for a coroutine that has it by flockfile. */
static bool lock_again(const FILE *stream)
{
    struct ovl__stream_hold *hold = kept(stream);
    if (hold)
        hold->times++;
    return hold;
}

/* Only one that is held by another is worth the clock. */
static void lock_in_thread(FILE *stream)
{
    if (!ovl__in_task())
        libc_flockfile(stream);
    else if (libc_ftrylockfile(stream))
        OVL__METERED(int, -1, OVL_WAIT_LOCK, (libc_flockfile(stream), 0));
}

/* Without memory the lock is the thread's, as libc has it. */
OVL__HOOK void flockfile(FILE *stream)
{
    if (!ovl__in_coroutine()) {
        lock_in_thread(stream);
        return;
    }
    if (lock_again(stream))
        return;
    struct ovl__stream_hold *hold = malloc(sizeof *hold);
    if (!hold) {
        libc_flockfile(stream);
        return;
    }
    ovl__stream_lock(stream, hold);
    hold->times = 1;
}

OVL__HOOK int ftrylockfile(FILE *stream)
{
    if (!ovl__in_coroutine())
        return libc_ftrylockfile(stream);
    if (lock_again(stream))
        return 0;
    if (ovl__stream_is_another_s(stream))
        return EBUSY;
    struct ovl__stream_hold *hold = malloc(sizeof *hold);
    int error = hold ? libc_ftrylockfile(stream) : ENOMEM;
    if (error) {
        free(hold);
        return error;
    }
    begin(stream, hold);
    hold->times = 1;
    return 0;
}

OVL__HOOK void funlockfile(FILE *stream)
{
    struct ovl__stream_hold *hold = ovl__in_coroutine() ? kept(stream) : NULL;
    if (!hold) {
        libc_funlockfile(stream);
        return;
    }
    if (--hold->times)
        return;
    ovl__stream_unlock(hold);
    free(hold);
}
