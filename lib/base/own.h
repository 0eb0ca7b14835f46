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

/* The names go to functions of own.c; the compiler sees no difference. */
#define OVL__OWN(type, name, parameters, arguments)                                                \
    extern __typeof__(name) name __asm__("ovl__own_" #name);

OVL__HOOKED_LOCKS(OVL__OWN)
extern __typeof__(pthread_join) pthread_join __asm__("ovl__own_pthread_join");

#endif
