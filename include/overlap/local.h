/*
 * Values of a coroutine's own, for what pthread_getspecific is to threads, where libraries keep
 * what belongs to the one that runs. Outside of coroutines they are the thread's.
 */
#ifndef OVERLAP_LOCAL_H
#define OVERLAP_LOCAL_H

#include <overlap/export.h>

OVL_BEGIN_DECLS

/* How many keys a process may have. */
#define OVL_LOCALS_MAX 64

/*
 * Makes a key, for the life of the process. At the end of a coroutine or thread, `destroy` (or
 * NULL) is called with its value of the key, where that is not NULL, in that coroutine or thread.
 *
 * Threads: any. Errors: -EAGAIN (there are OVL_LOCALS_MAX).
 */
OVL_EXPORT int ovl_local_new(void (*destroy)(void *value), unsigned *ret_key);

/* The caller's value of a key; NULL until it was set. Threads: any. Errors: none. */
OVL_EXPORT void *ovl_local_get(unsigned key);

/* Sets the caller's value of a key. Threads: any. Errors: -EINVAL (no such key), -ENOMEM. */
OVL_EXPORT int ovl_local_set(unsigned key, void *value);

OVL_END_DECLS

#endif
