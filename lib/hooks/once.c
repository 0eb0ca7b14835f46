/* Things done once, and barriers. */
#include "hooks/locks.h"

#include "hooks/owner.h"
#include "loop/futex.h"
#include "loop/loop.h"

#include <stdint.h>

OVL__HOOK_FILE(once);

/* --- once --- */

/* The states of a control word: part of libc's binary interface. */
#define UNDER_WAY 1
#define DONE      2

/*
 * ThreadSanitizer's own pthread_once writes states of its own, of which "done" is libc's "under
 * way". A program that has the hooks linked into itself comes here all the same, and so does the
 * unwinder in the midst of a report.
 */
#ifdef OVL__TSAN
#define HAS_LIBC_STATES false
#else
#define HAS_LIBC_STATES true
#endif

/* How long to wait for one whom the notes do not know: it may be gone, in a child of fork. */
#define STRANGER_NS (100 * OVL_MILLISECOND)

/*
 * A coroutine that does it may give way in the middle of it: another one of its loop, in libc's own
 * wait for it, would stop the loop, and with it the first.
 */
static void wait_while_under_way(pthread_once_t *control)
{
    ovl_time deadline = ovl__owner_of(control) ? OVL_FOREVER : ovl_after(STRANGER_NS);
    for (int error = 0; !error;) {
        int state = __atomic_load_n(control, __ATOMIC_ACQUIRE);
        if (state & DONE || !(state & UNDER_WAY))
            return;
        struct ovl__futex futex = {.word = (uint32_t *)control, .value = (uint32_t)state};
        ovl__waits_for("pthread_once", -1);
        error = ovl__futex_wait(&futex, deadline);
    }
}

OVL__HOOK int pthread_once(pthread_once_t *control, void (*fn)(void))
{
    if (!HAS_LIBC_STATES || !ovl__in_coroutine() ||
        __atomic_load_n(control, __ATOMIC_ACQUIRE) & DONE)
        return ovl__sys.pthread_once(control, fn);
    int before = errno;
    wait_while_under_way(control);
    errno = before;
    ovl__owner_note(control);
    int error = ovl__sys.pthread_once(control, fn);
    ovl__owner_forget(control);
    return error;
}

/* --- barriers --- */

struct barrier_call {
    pthread_barrier_t *barrier;
    int result;
};

static void call_barrier(void *argument)
{
    struct barrier_call *call = argument;
    call->result = ovl__sys.pthread_barrier_wait(call->barrier);
}

OVL__HOOK int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_barrier_wait(barrier);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_barrier_wait(barrier));
    struct barrier_call call = {.barrier = barrier};
    ovl__hook_call_in_thread(call_barrier, &call, OVL_WAIT_LOCK);
    return call.result;
}
