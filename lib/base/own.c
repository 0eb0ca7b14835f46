/* The real calls behind own.h. */
#include "base/system.h"

#include "base/own_calls.h"

#ifdef OVL__OWN_CALLS

/*
 * ThreadSanitizer must see what the library's threads lock, and sees only what comes by the name.
 * The hook, which it calls in turn, is told whose call it is.
 */
_Thread_local int ovl__own_calls;

#define OWN(type, name, parameters, arguments)                                                     \
    type ovl__own_##name parameters;                                                               \
    type ovl__own_##name parameters                                                                \
    {                                                                                              \
        ovl__own_calls++;                                                                          \
        type value = name arguments;                                                               \
        ovl__own_calls--;                                                                          \
        return value;                                                                              \
    }

#else

#define OWN(type, name, parameters, arguments)                                                     \
    type ovl__own_##name parameters;                                                               \
    type ovl__own_##name parameters                                                                \
    {                                                                                              \
        return ovl__sys.name arguments;                                                            \
    }

#endif

OVL__HOOKED_LOCKS(OWN)
OWN(int, pthread_join, (pthread_t thread, void **ret_value), (thread, ret_value))
