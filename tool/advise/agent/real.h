/* The functions that the agent's own stand before. */
#ifndef TOOL_ADVISE_AGENT_REAL_H
#define TOOL_ADVISE_AGENT_REAL_H

#include <dlfcn.h>
#include <stddef.h>

/* The next definition of `name`, found once. Two threads that find it at once find the same. */
#define REAL(name)                                                                                 \
    __extension__({                                                                                \
        static void *real_found;                                                                   \
        void *real_here = __atomic_load_n(&real_found, __ATOMIC_RELAXED);                          \
        if (!real_here) {                                                                          \
            real_here = dlsym(RTLD_NEXT, #name);                                                   \
            __atomic_store_n(&real_found, real_here, __ATOMIC_RELAXED);                            \
        }                                                                                          \
        (__typeof__(&name))real_here;                                                              \
    })

#endif
