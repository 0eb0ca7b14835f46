/* Waiting for other threads: a library with threads of its own must not stop the loop. */
#include "hooks/hooks.h"

#include "loop/apart.h"

OVL__HOOK_FILE(thread);

/*
 * ThreadSanitizer's own pthread_join, through which this one is called, takes no note of what is
 * done inside of it, and would report the helper thread as a race: there the loop blocks.
 */
#ifdef OVL__TSAN
#define BLOCKS true
#else
#define BLOCKS false
#endif

struct join_call {
    pthread_t thread;
    void **ret_value;
    clockid_t clock;
    const struct timespec *deadline; /* NULL: none */
    int result;
};

OVL__BREAKABLE static void call_join(void *argument)
{
    struct join_call *call = argument;
    if (call->deadline)
        call->result = ovl__sys.pthread_clockjoin_np(call->thread, call->ret_value, call->clock,
                                                     call->deadline);
    else
        call->result = ovl__sys.pthread_join(call->thread, call->ret_value);
}

/* Where the wait is called off, the thread that was to be joined still is to be. */
static int yielding_join(struct join_call *call)
{
    int before = errno;
    call->result = pthread_tryjoin_np(call->thread, call->ret_value);
    if (call->result == EBUSY &&
        !ovl__hook_call_breakable(call_join, call, OVL_WAIT_LOCK, OVL__BY_CANCEL))
        call->result = errno;
    errno = before;
    return call->result;
}

/* A thread that joins itself is told so, and only it can be. */
static bool must_block(pthread_t thread)
{
    return !ovl__current->coroutine || BLOCKS || pthread_equal(thread, pthread_self());
}

OVL__HOOK int pthread_join(pthread_t thread, void **ret_value)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_join(thread, ret_value);
    if (must_block(thread))
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.pthread_join(thread, ret_value));
    return yielding_join(&(struct join_call){.thread = thread, .ret_value = ret_value});
}

OVL__HOOK int pthread_clockjoin_np(pthread_t thread, void **ret_value, clockid_t clock,
                                   const struct timespec *deadline)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_clockjoin_np(thread, ret_value, clock, deadline);
    if (must_block(thread))
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.pthread_clockjoin_np(thread, ret_value, clock, deadline));
    return yielding_join(&(struct join_call){
        .thread = thread,
        .ret_value = ret_value,
        .clock = clock,
        .deadline = deadline,
    });
}

OVL__HOOK int pthread_timedjoin_np(pthread_t thread, void **ret_value,
                                   const struct timespec *deadline)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_timedjoin_np(thread, ret_value, deadline);
    return pthread_clockjoin_np(thread, ret_value, CLOCK_REALTIME, deadline);
}
