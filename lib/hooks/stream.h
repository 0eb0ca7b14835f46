/*
 * Streams of stdio, as those who wait for them need them: their buffers, which libc fills and
 * empties by calls of its own that no hook sees.
 */
#ifndef OVL_HOOKS_STREAM_H
#define OVL_HOOKS_STREAM_H

#include "loop/park.h"

#include <stdbool.h>
#include <stdio.h>

/* libc guards a stream by a lock that no sanitizer knows. */
#ifdef OVL__TSAN
#define OVL__STREAM_GUARDED __attribute__((no_sanitize("thread")))
#else
#define OVL__STREAM_GUARDED
#endif

/*
 * Whether a coroutine may wait for the stream: one of bytes, for a descriptor that is none of a
 * file and that the application has not made non-blocking. Keeps errno.
 */
bool ovl__stream_may_wait(FILE *stream);

/* A coroutine that holds a stream's lock: for a call, on whose stack this lies, or by flockfile. */
struct ovl__stream_hold {
    struct ovl__stream_hold *next;
    const struct ovl__coroutine *owner;
    FILE *stream;
    unsigned times;                /* how often flockfile has taken it; 0: for a call */
    struct ovl__wait_list waiters; /* coroutines of its thread */
};

/*
 * Locks the stream for the running coroutine, against all others: libc's lock keeps out other
 * threads, and a list the thread's other coroutines, which are one owner to libc. It may be held
 * while the coroutine waits, and by it several times; who else wants it gives way.
 */
void ovl__stream_lock(FILE *stream, struct ovl__stream_hold *hold);
void ovl__stream_unlock(struct ovl__stream_hold *hold);

/* Whether another coroutine of the thread holds the stream's lock. */
bool ovl__stream_is_another_s(const FILE *stream);

enum ovl__filled { OVL__FILLED, OVL__AT_END, OVL__FAILED };

/*
 * Gives way until the stream's buffer holds something to read, or its end or an error has come. The
 * lock is held, and is not while the coroutine waits. OVL__FAILED: with errno set, and the stream
 * in error.
 */
enum ovl__filled ovl__stream_fill(struct ovl__stream_hold *hold);

#endif
