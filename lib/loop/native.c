/* The native face of coroutines: what one may ask of its loop. */
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "loop/scope.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/watchdog.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

bool ovl_in_coroutine(void)
{
    return ovl__current && ovl__current->coroutine;
}

void ovl_set_name(const char *name)
{
    if (ovl_in_coroutine())
        snprintf(ovl__current->coroutine->name, OVL__NAME_BYTES, "%s", name);
}

static void sleep_in_thread(ovl_time deadline)
{
    struct timespec until = {.tv_sec = deadline / OVL_SECOND, .tv_nsec = deadline % OVL_SECOND};
    if (deadline > 0)
        while (ovl__sys.clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            ;
}

int ovl_sleep(ovl_time deadline)
{
    if (!ovl_in_coroutine()) {
        sleep_in_thread(deadline);
        return 0;
    }
    int error = 0;
    while (!error)
        error = ovl__suspend(deadline);
    return error == OVL_ETIMEDOUT ? 0 : error;
}

/* poll knows whole milliseconds: one too many rather than a wake before the time. */
static int poll_ms(ovl_time deadline)
{
    if (deadline == OVL_FOREVER)
        return -1;
    ovl_time now = ovl_now();
    if (deadline <= now)
        return 0;
    ovl_time ms = (deadline - now - 1) / OVL_MILLISECOND + 1;
    return ms > 1000000 ? 1000000 : (int)ms;
}

static int wait_in_thread(int fd, short events, ovl_time deadline)
{
    for (;;) {
        struct pollfd look = {.fd = fd, .events = events};
        int ready = ovl__sys.poll(&look, 1, poll_ms(deadline));
        if (ready > 0)
            return look.revents & POLLNVAL ? -EBADF : 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (!ready && ovl_now() >= deadline)
            return OVL_ETIMEDOUT;
    }
}

int ovl_wait_fd(int fd, short events, ovl_time deadline)
{
    if (fd < 0)
        return -EBADF;
    if (!ovl_in_coroutine())
        return wait_in_thread(fd, events, deadline);
    int error = ovl__wait_fd(fd, events, deadline);
    if (error == OVL_ETIMEDOUT)
        return wait_in_thread(fd, events, 0); /* where there was no time at all, the only look */
    return error == -EPERM ? 0 : error;       /* a file is always ready */
}

struct thread_call {
    int (*fn)(void *argument);
    void *argument;
    int result;
};

static void call_fn(void *argument)
{
    struct thread_call *call = argument;
    call->result = call->fn(call->argument);
}

int ovl_to_thread(int (*fn)(void *argument), void *argument)
{
    if (!ovl_in_coroutine())
        return fn(argument);
    struct thread_call call = {.fn = fn, .argument = argument};
    ovl__call_in_thread(call_fn, &call);
    return call.result;
}
