/*
 * Waiting for futexes: words in memory that others, whoever they are, wake through the kernel. So a
 * coroutine waits for a mutex or semaphore of libc as a thread does, and nobody who unlocks or
 * posts has to know of coroutines.
 */
#ifndef OVL_LOOP_FUTEX_H
#define OVL_LOOP_FUTEX_H

#include <overlap/time.h>
#include <stdbool.h>
#include <stdint.h>

/* A word, and what it holds while there is something to wait for. */
struct ovl__futex {
    uint32_t *word;
    uint32_t value;
    bool shared; /* between processes */
};

/*
 * The calling coroutine gives way until the futex may have been woken or have another value (a look
 * is needed: it may not), or until `deadline`. A wake that comes too late for it is passed on.
 *
 * 0; OVL_ETIMEDOUT. What is cancelled does not end the wait.
 */
int ovl__futex_wait(const struct ovl__futex *futex, ovl_time deadline);

/* The same, and OVL_ECANCELED or -EINTR as ovl__suspend. */
int ovl__futex_wait_or_cancel(const struct ovl__futex *futex, ovl_time deadline);

/*
 * A pause before the next try of what can only be tried again: the more `tries` there were, the
 * longer, up to a millisecond. 0; OVL_ETIMEDOUT where `deadline` has come.
 */
int ovl__pause(unsigned tries, ovl_time deadline);

#endif
