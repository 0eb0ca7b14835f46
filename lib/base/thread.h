/* Threads of the library's own. */
#ifndef OVL_BASE_THREAD_H
#define OVL_BASE_THREAD_H

#include <pthread.h>

/*
 * Starts a thread that nobody joins and that takes no signals: those are for the program's own.
 * `ret_thread` may be NULL; the number holds until the thread has ended. Returns 0 or -EAGAIN.
 * Threads: any.
 */
int ovl__thread_start(void *(*fn)(void *argument), void *argument, pthread_t *ret_thread);

#endif
