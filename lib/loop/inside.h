/*
 * What a loop is made of, for the files of this room that share it: loop.c (its life), switch.c
 * (who runs next), descriptors.c (epoll), ring.c (files), stream.c.
 */
#ifndef OVL_LOOP_INSIDE_H
#define OVL_LOOP_INSIDE_H

#include "coroutine/coroutine.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "loop/trial.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>

struct ovl__fd_entry;
struct ovl__ring;

struct ovl__loop {
    /* What every switch touches. */
    struct ovl__coroutine *ready; /* a queue, through next_ready */
    struct ovl__coroutine **ready_end;
    struct ovl__coroutine *ended; /* left its stack for good, and is still to be freed */
    int *thread_errno;            /* where the thread's errno is, which every switch looks up */
    struct ovl__exceptions *exceptions; /* the thread's; NULL: there are no exceptions */
    struct ovl__exceptions callers;     /* those of who runs the loop */
    atomic_ullong turn;      /* goes up whenever another one runs; written by the loop only */
    uint64_t look_at;        /* the turn after which the loop looks at epoll */
    uint64_t number;         /* no other loop has had it, or will; from 1 */
    struct ovl__fiber fiber; /* the thread's own stack, where the loop sleeps */

    struct ovl__trial *trial; /* NULL: it is no test */
    size_t outside;           /* coroutines for which helper threads work */
    size_t coroutines;
    uint64_t spawned;
    bool stopping;
    ovl_time looked_at; /* when it last looked at epoll: a clock that costs nothing to read */
    struct ovl__timers timers;
    struct ovl__stack_pool stacks;
    int epoll_fd;
    int wake_fd;
    struct ovl__ring *ring; /* NULL until files are first waited for */
    struct ovl__fd_entry **fd_tables;
    size_t fd_table_count;
    _Atomic(struct ovl__message *) inbox; /* a stack: the last one in comes first */
    atomic_bool asleep;                   /* who posts must write to wake_fd */
    atomic_uint posting;                  /* threads that are in ovl__loop_post */
};

/* Marks epoll's events of a stream: its address is the rest. */
#define OVL__EVENT_STREAM ((uint64_t)1 << 63)
#define OVL__EVENT_WAKE   UINT64_MAX

extern _Thread_local struct ovl__loop *ovl__here;

/* Tells whoever waits for a descriptor, or uses a stream, of an event. */
void ovl__fd_happened(struct ovl__loop *loop, const struct epoll_event *event);
void ovl__stream_happened(const struct epoll_event *event);

/* Ask for the memory of a stream that something happened to; and of who waits for it. */
void ovl__stream_fetch(const struct epoll_event *event);
void ovl__stream_fetch_waiters(const struct epoll_event *event);

void ovl__fd_tables_release(struct ovl__loop *loop);

/* For whoever watches, in any thread. */
static inline uint64_t ovl__loop_turn(const struct ovl__loop *loop)
{
    return atomic_load_explicit(&loop->turn, memory_order_relaxed);
}

static inline bool ovl__loop_is_asleep(const struct ovl__loop *loop)
{
    return atomic_load_explicit(&loop->asleep, memory_order_relaxed);
}

static inline uint64_t ovl__loop_next_turn(struct ovl__loop *loop)
{
    uint64_t turn = ovl__loop_turn(loop) + 1;
    atomic_store_explicit(&loop->turn, turn, memory_order_relaxed);
    return turn;
}

/*
 * Gives way until something calls ovl__resume or ovl__interrupt on `self`, which runs, or until
 * `deadline`: 0 or OVL_ETIMEDOUT. Before it and after, the caller looks for itself whether it is to
 * wait, and whether a scope was cancelled.
 */
int ovl__await_resume(struct ovl__coroutine *self, const char *kind, int fd, ovl_time deadline);

/* Runs those that are ready, as many as may run before the next look at epoll. */
void ovl__run_ready(struct ovl__loop *loop);

#endif
