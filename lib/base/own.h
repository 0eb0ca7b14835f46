/*
 * What the library's own code means by the names that it hooks: the real call. A call of
 * pthread_mutex_lock in lib/ would otherwise end in the hook like everybody's, and the hook in
 * itself.
 *
 * Included before everything else in every file of the library but the hooks (lib/CMakeLists.txt),
 * so that nobody has to think of it; tests/install looks whether a hooked name is called all the
 * same. Where a call may fail in a way that tests are to try, say ovl__sys.NAME.
 */
#ifndef OVL_BASE_OWN_H
#define OVL_BASE_OWN_H

#include "base/hooked.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

/* The names go to functions of own.c; the compiler sees no difference. */
#define OVL__OWN(type, name, parameters, arguments)                                                \
    extern __typeof__(name) name __asm__("ovl__own_" #name);

#define OVL__OWN_NAME(name) extern __typeof__(name) name __asm__("ovl__own_" #name);

OVL__OWN_NAME(pthread_join)
OVL__OWN_NAME(pthread_mutex_lock)
OVL__OWN_NAME(pthread_mutex_trylock)
OVL__OWN_NAME(pthread_mutex_timedlock)
OVL__OWN_NAME(pthread_mutex_clocklock)
OVL__OWN_NAME(pthread_mutex_unlock)
OVL__OWN_NAME(pthread_cond_wait)
OVL__OWN_NAME(pthread_cond_timedwait)
OVL__OWN_NAME(pthread_cond_clockwait)
OVL__OWN_NAME(pthread_cond_signal)
OVL__OWN_NAME(pthread_cond_broadcast)
OVL__OWN_NAME(pthread_rwlock_rdlock)
OVL__OWN_NAME(pthread_rwlock_tryrdlock)
OVL__OWN_NAME(pthread_rwlock_wrlock)
OVL__OWN_NAME(pthread_rwlock_trywrlock)
OVL__OWN_NAME(pthread_rwlock_unlock)
OVL__OWN_NAME(pthread_once)
OVL__OWN_NAME(sem_wait)
OVL__OWN_NAME(sem_trywait)
OVL__OWN_NAME(sem_timedwait)

/* libc has these by two names. */
extern __typeof__(flockfile) flockfile __asm__("_IO_flockfile");
extern __typeof__(funlockfile) funlockfile __asm__("_IO_funlockfile");

/* siginterrupt is deprecated, which is its callers' affair. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
OVL__HOOKED_CALLS(OVL__OWN)
OVL__HOOKED_FILES(OVL__OWN)
OVL__HOOKED_BY_NUMBER(OVL__OWN)
OVL__HOOKED_PRINTS(OVL__OWN)
#pragma GCC diagnostic pop

/* The compiler knows this one so well that it calls others in its place. */
int ovl__own_fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
#undef fprintf
#define fprintf ovl__own_fprintf

#endif
