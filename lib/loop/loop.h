/*
 * The event loop: runs the coroutines of one thread, and sleeps in epoll when none is ready.
 *
 * All but ovl__loop_post is for the loop's own thread; what parks is for its coroutines.
 */
#ifndef OVL_LOOP_LOOP_H
#define OVL_LOOP_LOOP_H

#include <overlap/time.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct ovl__coroutine;
struct ovl__loop;
struct ovl__timers;

/* Something for the loop's thread to do, sent by another thread. Its sender owns it. */
struct ovl__message {
    struct ovl__message *next;
    void (*handle)(struct ovl__message *message); /* may free it, or send it again */
};

/*
 * Makes a loop; its coroutines get stacks of `stack_bytes` (0: the default). -ENOMEM, -EMFILE,
 * -ENFILE. Whatever thread calls ovl__loop_run is the loop's own.
 */
int ovl__loop_new(size_t stack_bytes, struct ovl__loop **ret_loop);
void ovl__loop_free(struct ovl__loop *loop);

/* Runs until ovl__loop_stop was called and no coroutine is left. */
void ovl__loop_run(struct ovl__loop *loop);
void ovl__loop_stop(struct ovl__loop *loop);

/* The loop that this thread runs, or NULL. */
struct ovl__loop *ovl__loop_here(void);

/* Hands a message to the loop's thread. Any thread. */
void ovl__loop_post(struct ovl__loop *loop, struct ovl__message *message);

/* Has the loop of this thread, if it runs one, take another look. A signal's handler may call it.
 */
void ovl__loop_nudge(void);

/* Begins a coroutine, which runs when its turn comes. -ENOMEM. */
int ovl__loop_spawn(struct ovl__loop *loop, void (*fn)(void *argument), void *argument);

/* The same, and *ret_coroutine is it: valid until it has ended. */
int ovl__loop_spawn_coroutine(struct ovl__loop *loop, void (*fn)(void *argument), void *argument,
                              struct ovl__coroutine **ret_coroutine);

/* The loop's timers, for what is due in its thread. */
struct ovl__timers *ovl__loop_timers(struct ovl__loop *loop);

/* One more (1), or one less (-1), of the loop's coroutines waits for something outside of it. */
void ovl__loop_outside(int change);

/* How many coroutines have begun and not ended. */
size_t ovl__loop_coroutines(const struct ovl__loop *loop);

/* Lets every other coroutine that is ready run first. */
void ovl__yield(void);

/*
 * Waits for the end of one that is kept (is_kept), whatever is cancelled, frees it, and
 * returns its result. One joins.
 */
int ovl__join(struct ovl__coroutine *coroutine);

/*
 * Notes what the calling coroutine is about to be suspended for, and the descriptor or -1, for
 * those who ask where it waits; in a thread it does nothing. Without it, the next suspension is a
 * sleep, and the next wait in a list (park.h) one for a lock. `kind` is a constant.
 */
void ovl__waits_for(const char *kind, int fd);

/*
 * Gives way until something calls ovl__resume on this coroutine, or until `deadline`.
 * 0 or OVL_ETIMEDOUT.
 */
int ovl__suspend_shielded(ovl_time deadline);

/*
 * The same, and fails with OVL_ECANCELED as soon as a scope that the coroutine is in is cancelled,
 * for whatever reason: at once where one was before; and with -EINTR where the coroutine has begun
 * a wait that signals interrupt (interrupt.h), and one came.
 */
int ovl__suspend(ovl_time deadline);

/* Ends the coroutine's wait, if it is in one that can be interrupted. */
void ovl__interrupt(struct ovl__coroutine *coroutine);

/* Makes a suspended coroutine ready. */
void ovl__resume(struct ovl__coroutine *coroutine);

/*
 * Gives way until one of the descriptors may be ready for its events, or until `deadline`. What
 * epoll has told of each is its `revents` then; where that is nothing, a look is still needed.
 *
 * 0; OVL_ETIMEDOUT; OVL_ECANCELED (see ovl__suspend); -EBADF: one of them was closed meanwhile, or
 * is none; -EPERM: one is of a kind that is always ready; -ENOMEM.
 */
int ovl__wait_fds(struct pollfd *fds, nfds_t count, ovl_time deadline);
int ovl__wait_fd(int fd, short events, ovl_time deadline);

/* Call before closing a descriptor: whoever waits for it in this thread's loop gets -EBADF. */
void ovl__loop_forget_fd(int fd);
void ovl__loop_forget_range(unsigned first, unsigned last);

#endif
