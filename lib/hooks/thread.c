/* Waiting for other threads: a library with threads of its own must not stop the loop. */
#include "hooks/hooks.h"

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

static void call_join(void *argument)
{
    struct join_call *call = argument;
    if (call->deadline)
        call->result = ovl__sys.pthread_clockjoin_np(call->thread, call->ret_value, call->clock,
                                                     call->deadline);
    else
        call->result = ovl__sys.pthread_join(call->thread, call->ret_value);
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
    struct join_call call = {.thread = thread, .ret_value = ret_value};
    ovl__hook_call_in_thread(call_join, &call, OVL_WAIT_LOCK);
    return call.result;
}

OVL__HOOK int pthread_clockjoin_np(pthread_t thread, void **ret_value, clockid_t clock,
                                   const struct timespec *deadline)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_clockjoin_np(thread, ret_value, clock, deadline);
    if (must_block(thread))
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.pthread_clockjoin_np(thread, ret_value, clock, deadline));
    struct join_call call = {
        .thread = thread,
        .ret_value = ret_value,
        .clock = clock,
        .deadline = deadline,
    };
    ovl__hook_call_in_thread(call_join, &call, OVL_WAIT_LOCK);
    return call.result;
}

OVL__HOOK int pthread_timedjoin_np(pthread_t thread, void **ret_value,
                                   const struct timespec *deadline)
{
    if (!ovl__in_task())
        return ovl__sys.pthread_timedjoin_np(thread, ret_value, deadline);
    return pthread_clockjoin_np(thread, ret_value, CLOCK_REALTIME, deadline);
}
