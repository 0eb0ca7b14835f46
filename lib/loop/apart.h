/*
 * Blocking calls in a thread of their own: those that must not have to wait for a place among the
 * helpers (offload.h), since what ends them may be another that waits likewise.
 */
#ifndef OVL_LOOP_APART_H
#define OVL_LOOP_APART_H

#include "loop/park.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* AddressSanitizer does not learn that the frame of such a function is gone. */
#define OVL__BREAKABLE __attribute__((no_sanitize("address")))

/* One call; it lies still until it has ended. Guarded by a lock of apart.c's. */
struct ovl__apart {
    void (*fn)(void *argument);
    void *argument;
    pthread_t thread;
    struct ovl__wait_list waiter;
    bool interruptible;
    pid_t number; /* of its thread, where it can be interrupted: 0 until then */
    bool has_said;
    bool has_returned;
    bool over; /* its thread touches nothing any more */
};

/* Begins fn(argument) in a new thread, which takes no signals. 0; -EAGAIN: none is to be had. */
int ovl__apart_begin(struct ovl__apart *call, void (*fn)(void *argument), void *argument);

/*
 * The same for an fn that makes a single call of the kernel which every signal ends, whatever its
 * handler's SA_RESTART, and which then has done nothing: signal(7) lists them. Such a call need not
 * be broken off, and nothing that it did is lost.
 */
int ovl__apart_begin_interruptible(struct ovl__apart *call, void (*fn)(void *argument),
                                   void *argument);

/* For fn: what the coroutine is to hear has come about. Once. */
void ovl__apart_say(struct ovl__apart *call);

/* The calling coroutine gives way until fn has said so, or has returned. */
void ovl__apart_hear(struct ovl__apart *call);

/*
 * The calling coroutine gives way until fn has returned, whatever is cancelled. Or, where it is
 * `breakable`, until it is to wait no longer: then fn is broken off, by pthread_cancel, so that it
 * is to block in a single call that POSIX has as a point of cancellation, and that undoes itself
 * there; fn is an OVL__BREAKABLE function then.
 *
 * 0: fn has returned. OVL_ECANCELED, or -EINTR as ovl__suspend: it was broken off. Source:
 * pthreads(7), on cancellation points.
 */
int ovl__apart_end(struct ovl__apart *call, bool breakable);

/*
 * For a call that was begun as interruptible: gives way until fn has returned, or until the
 * coroutine is to wait no longer; then the call is interrupted until fn has returned.
 *
 * 0: it has returned by itself. OVL_ETIMEDOUT, OVL_ECANCELED, -EINTR: it was interrupted, where the
 * call had not just succeeded; fn knows.
 */
int ovl__apart_end_by(struct ovl__apart *call, ovl_time deadline);

/* Breaks fn off, which is as above, and waits for its end. */
void ovl__apart_break(struct ovl__apart *call);

#endif
