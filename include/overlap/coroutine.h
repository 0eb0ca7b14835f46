/*
 * Coroutines by hand: the async model for those who write for it.
 *
 * A coroutine is a function with a stack of its own that runs in the thread of its loop until it
 * waits. It waits by the functions of these headers, or by any blocking call that the library
 * hooks. It never moves to another thread, and another one of its loop runs only while it waits:
 * between two waits nothing changes under it.
 *
 *     static int hello(void *argument)
 *     {
 *         ovl_sleep(ovl_after(100 * OVL_MILLISECOND));
 *         puts(argument);
 *         return 0;
 *     }
 *
 *     static int both(void *argument)
 *     {
 *         struct ovl_group *group;
 *         int error = ovl_group_open(OVL_FOREVER, &group);
 *         if (error)
 *             return error;
 *         ovl_group_go(group, hello, "one");
 *         ovl_group_go(group, hello, "two");
 *         return ovl_group_close(group);
 *     }
 *
 *     int main(void)
 *     {
 *         return ovl_run(both, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
 *     }
 */
#ifndef OVERLAP_COROUTINE_H
#define OVERLAP_COROUTINE_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <overlap/watchdog.h>
#include <stdbool.h>
#include <stddef.h>

OVL_BEGIN_DECLS

/* What a coroutine does. Returns 0 or an error, which is what became of it. */
typedef int ovl_coroutine_fn(void *argument);

/* How a loop is run. All zero is a good choice. */
struct ovl_run_options {
    size_t stack_bytes; /* of each coroutine; 0: 256 KiB, of which only touched pages take memory */
    ovl_time
        stall_ns; /* how long a coroutine may keep the loop before it is reported; 0: as long as
                     OVL_STALL_NS, where there is a handler, and else there is no watchdog */
    ovl_stall_fn *stalled; /* is told of it: see overlap/watchdog.h */
    void *stall_context;
};

/*
 * Runs fn(argument) as the first coroutine of a new loop in the calling thread, and returns when it
 * and all that it started have ended. Several threads may each run a loop.
 *
 * Returns what fn returned.
 *
 * Threads: any that runs no loop. Errors: -EBUSY (the thread runs one), -ENOMEM, -EMFILE, -ENFILE;
 * fn did not run. Source: the contract of asyncio.run.
 */
OVL_EXPORT int ovl_run(ovl_coroutine_fn *fn, void *argument, const struct ovl_run_options *options);

/* Whether the caller is a coroutine. Threads: any. Errors: none. */
OVL_EXPORT bool ovl_in_coroutine(void);

/*
 * Whether blocking calls of libc give way in coroutines. They do where liboverlap is linked to the
 * program, before libc, or preloaded. Where it came later, with a plugin or by dlopen, the
 * program's calls, and those of its libraries, lead to libc: they block the loop, which the
 * functions of these headers do not. LD_PRELOAD=liboverlap.so.0 mends that.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT bool ovl_hooks_bound(void);

/* A coroutine that was started by itself. */
struct ovl_coroutine;

/*
 * Starts fn(argument) as a coroutine of the caller's loop. It runs when the caller next waits, in
 * no scope but its own: whoever wants it called off together with others opens a group instead.
 *
 * Ownership: *ret_coroutine is for ovl_join, which must be called. With ret_coroutine NULL nobody
 *   awaits it, and its result is lost; the loop runs until it has ended all the same.
 * Threads: a coroutine. Errors: -EPERM (not in a coroutine), -ENOMEM; *ret_coroutine is untouched.
 */
OVL_EXPORT int ovl_go(ovl_coroutine_fn *fn, void *argument, struct ovl_coroutine **ret_coroutine);

/* Calls it off: what it waits for fails, now and later. Threads: the loop's own, before the join.
 */
OVL_EXPORT void ovl_coroutine_cancel(struct ovl_coroutine *coroutine);

/*
 * Waits until a coroutine has ended, and forgets it. Where the caller's scope is cancelled
 * meanwhile, so is the coroutine, and its end is awaited: nothing is left behind.
 *
 * Returns what the coroutine returned.
 *
 * Threads: a coroutine of the same loop, once for each.
 */
OVL_EXPORT int ovl_join(struct ovl_coroutine *coroutine);

/* A coroutine that is to be. */
struct ovl_timer;

/*
 * Starts fn(argument) as ovl_go does, at the time `at`. Until then it takes some bytes, where a
 * coroutine that sleeps takes a page.
 *
 * Ownership: *ret_timer is for ovl_timer_stop, which must be called, before or after. With
 * ret_timer NULL it cannot be stopped, and ends by itself. Threads: a coroutine. Errors: -EPERM
 * (not in a coroutine), -ENOMEM.
 */
OVL_EXPORT int ovl_go_at(ovl_time at, ovl_coroutine_fn *fn, void *argument,
                         struct ovl_timer **ret_timer);

/*
 * Ends a timer, and says whether it was before its time: fn then never runs. NULL is allowed.
 * Threads: the loop's own. Errors: none.
 */
OVL_EXPORT bool ovl_timer_stop(struct ovl_timer *timer);

/*
 * Lets every other coroutine that is ready run first. Outside of coroutines, gives up the
 * processor.
 *
 * Threads: any. Errors: OVL_ECANCELED: the scope of the coroutine was cancelled; it did not give
 * way.
 */
OVL_EXPORT int ovl_yield(void);

/*
 * Sleeps until `deadline`.
 *
 * Threads: any; a coroutine gives way. Errors: OVL_ECANCELED.
 */
OVL_EXPORT int ovl_sleep(ovl_time deadline);

/*
 * Waits until a descriptor may be ready for `events` (those of poll), or until `deadline`. It may
 * not be ready all the same: look without blocking.
 *
 * Threads: any; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT, OVL_ECANCELED, -EBADF (it is none, or was closed meanwhile by this
 * thread), -ENOMEM.
 */
OVL_EXPORT int ovl_wait_fd(int fd, short events, ovl_time deadline);

/*
 * Calls fn(argument) in a helper thread, for what would block or compute for long; the calling
 * coroutine gives way. A call that has begun is waited for even where the scope is cancelled: its
 * argument may lie on the coroutine's stack. Outside of coroutines, and where no thread is to be
 * had, it is called at once.
 *
 * Returns what fn returned.
 *
 * Threads: any. Errors: fn's own.
 */
OVL_EXPORT int ovl_to_thread(int (*fn)(void *argument), void *argument);

OVL_END_DECLS

#endif
