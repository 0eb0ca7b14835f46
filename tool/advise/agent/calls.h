/* What every interposed call is made of. */
#ifndef TOOL_ADVISE_AGENT_CALLS_H
#define TOOL_ADVISE_AGENT_CALLS_H

#include "advise/agent/agent.h"
#include "advise/agent/real.h"

/* Seen by the dynamic linker before libc's own. */
#define EXPORT __attribute__((visibility("default")))

#define CALLER __builtin_return_address(0)

/* The body of a call that waits for what a descriptor leads to; of a call that waits for a kind of
 * thing. */
#define TIMED_DESCRIPTOR(type, descriptor, call)                                                   \
    do {                                                                                           \
        struct agent_wait wait = agent_wait_descriptor(descriptor, CALLER);                        \
        type result = call;                                                                        \
        agent_wait_end(&wait);                                                                     \
        return result;                                                                             \
    } while (0)

#define TIMED_KIND(type, kind, call)                                                               \
    do {                                                                                           \
        struct agent_wait wait = agent_wait_kind(kind, CALLER);                                    \
        type result = call;                                                                        \
        agent_wait_end(&wait);                                                                     \
        return result;                                                                             \
    } while (0)

/* As TIMED_DESCRIPTOR, for a call that copies `size` bytes: of many, copying is most of the time.
 */
#define COPIES_MUCH                              32768
#define TIMED_COPY(type, descriptor, size, call) TIMED_FLAGS(type, descriptor, size, 0, call)

/* With a wait's flags. */
#define TIMED_FLAGS(type, descriptor, size, added, call)                                           \
    do {                                                                                           \
        struct agent_wait wait = agent_wait_descriptor(descriptor, CALLER);                        \
        wait.flags |= (added);                                                                     \
        if ((size) >= COPIES_MUCH)                                                                 \
            agent_wait_measure_cpu(&wait);                                                         \
        type result = call;                                                                        \
        agent_wait_end(&wait);                                                                     \
        return result;                                                                             \
    } while (0)

#endif
