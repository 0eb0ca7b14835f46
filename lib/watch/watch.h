/*
 * Watching loops from outside: whoever runs a loop begins and ends a watch of it in the loop's
 * thread. Then the loop's tasks can be dumped, an overflow of a stack says whose it was, and, with
 * a limit, a thread looks whether the loop goes on.
 *
 *     the loop's thread            the watcher's
 *     RUNS ◄───────────────┐
 *       │                  │       WANTED, and sends SIGURG
 *     WANTED ──handler──► STOPPED  looks, copies, and takes no lock that the stopped one may hold
 *                          │       RUNS
 *       ◄──────────────────┘
 */
#ifndef OVL_WATCH_WATCH_H
#define OVL_WATCH_WATCH_H

#include "backtrace/backtrace.h"
#include "base/list.h"
#include "coroutine/coroutine.h"

#include <overlap/time.h>
#include <overlap/watchdog.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <ucontext.h>

struct ovl__loop;

struct ovl__watch_options {
    ovl_time stall_ns; /* 0: OVL_STALL_NS; OVL_FOREVER: no watchdog */
    ovl_stall_fn *stalled;
    void *context;
};

struct ovl__watch {
    struct ovl__link link; /* among all; under the registry's lock, as is what follows */
    struct ovl__loop *loop;
    pid_t thread;
    unsigned number; /* of the loop, from 1 */
    struct ovl__watch_options options;
    uint64_t seen_turn; /* the watchdog's: the loop's turn, since when, and whether it was told */
    ovl_time seen_at;
    bool is_told;
    bool is_telling; /* its handler runs */
    /* Between the watcher and the signal's handler: */
    atomic_uint state;
    uint64_t stalled_turn; /* what is wanted is this turn, or nothing; 0: any */
    const ucontext_t *registers;
    struct ovl__coroutine *running;
    void *signal_stack; /* NULL: the thread had one */
};

/* In the loop's thread, before it runs and after. Without a thread to be had there is no watchdog.
 */
void ovl__watch_begin(struct ovl__watch *watch, struct ovl__loop *loop,
                      const struct ovl__watch_options *options);
void ovl__watch_end(struct ovl__watch *watch);

/* The registry, locked: its watches neither begin nor end. */
struct ovl__link *ovl__watches_lock(void);
void ovl__watches_unlock(void);

/*
 * Stops a loop's thread, which is not the caller's, wherever it is; false where it does not come to
 * stop within a moment, or `turn` is another than the present one (0: any). The registry is locked.
 */
bool ovl__watch_stop(struct ovl__watch *watch, uint64_t turn);
void ovl__watch_release(struct ovl__watch *watch);

/* What is known of one coroutine, and a copy of its stack. */
struct ovl__task_copy {
    enum { OVL__IS_NEW, OVL__IS_READY, OVL__WAITS, OVL__IS_RUNNING } state;
    uint64_t number;
    size_t task; /* or OVL_NO_TASK */
    char name[OVL__NAME_BYTES];
    struct ovl__waiting waiting;
    const void *fn;
    struct ovl__stack_copy stack;
};

/*
 * Copies what is known of a coroutine of a loop that is stopped; up to `size` bytes of its stack to
 * `data`. `registers` are those of one that runs. Takes no lock and no memory.
 */
void ovl__task_copy(struct ovl__task_copy *copy, const struct ovl__coroutine *coroutine,
                    const ucontext_t *registers, char *data, size_t size);

/* Has an overflow of a coroutine's stack told, whatever thread it is in: see overflow.c. */
void ovl__overflow_watch(void);

/* The source line, or what else is known of a frame, as one line of text. */
int ovl__frame_text(const struct ovl_frame *frame, unsigned number, char *text, size_t size);

#endif
