/* Waiting for descriptors. The kernel is asked what is ready, and never waited for. */
#include "base/memory.h"
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <string.h>

OVL__HOOK_FILE(poll);

static ovl_time deadline_of(const struct timespec *timeout)
{
    if (!timeout)
        return OVL_FOREVER;
    if (timeout->tv_sec >= OVL_FOREVER / OVL_SECOND)
        return OVL_FOREVER;
    return ovl_after((ovl_time)timeout->tv_sec * OVL_SECOND + timeout->tv_nsec);
}

/* Whether it is worth another look; false with errno set where the wait failed. */
static bool wait_again(int error)
{
    if (!error || error == OVL_ETIMEDOUT || error == -EBADF)
        return true;
    ovl__fail(error);
    return false;
}

static int yielding_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                          const sigset_t *mask)
{
    static const struct timespec at_once;
    ovl_time deadline = deadline_of(timeout);
    for (int error = 0;;) {
        int ready = ovl__sys.ppoll(fds, count, &at_once, mask);
        if (ready || error == OVL_ETIMEDOUT || (timeout && deadline <= ovl_now()))
            return ready;
        error = ovl__hook_wait_fds(fds, count, deadline);
        if (!wait_again(error))
            return -1;
    }
}

static bool is_valid(const struct timespec *length)
{
    return length->tv_sec >= 0 && length->tv_nsec >= 0 && length->tv_nsec < OVL_SECOND;
}

/* The first descriptor tells what a poll waits for. */
static int first_fd(const struct pollfd *fds, nfds_t count)
{
    return count ? fds[0].fd : -1;
}

OVL__HOOK int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!ovl__in_task())
        return ovl__sys.poll(fds, count, timeout_ms);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, first_fd(fds, count), OVL_WAIT_SLEEP,
                            ovl__sys.poll(fds, count, timeout_ms));
    struct timespec timeout = {
        .tv_sec = timeout_ms / 1000,
        .tv_nsec = timeout_ms % 1000 * OVL_MILLISECOND,
    };
    return yielding_ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

OVL__HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                    const sigset_t *mask)
{
    if (!ovl__in_task())
        return ovl__sys.ppoll(fds, count, timeout, mask);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, first_fd(fds, count), OVL_WAIT_SLEEP,
                            ovl__sys.ppoll(fds, count, timeout, mask));
    if (timeout && !is_valid(timeout))
        return ovl__sys.ppoll(fds, count, timeout, mask);
    return yielding_ppoll(fds, count, timeout, mask);
}

/* --- select --- */

enum { READS, WRITES, EXCEPTIONS, SETS };

static const short set_events[SETS] = {POLLIN, POLLOUT, POLLPRI};

struct selection {
    int count;
    fd_set *sets[SETS]; /* the caller's; NULL where it gave none */
    fd_set asked[SETS];
};

/* Looks at once; the caller's sets then hold the answer. */
static int look(struct selection *selection)
{
    for (int i = 0; i < SETS; i++)
        if (selection->sets[i])
            *selection->sets[i] = selection->asked[i];
    struct timeval at_once = {0};
    return ovl__sys.select(selection->count, selection->sets[READS], selection->sets[WRITES],
                           selection->sets[EXCEPTIONS], &at_once);
}

static short events_of(const struct selection *selection, int fd)
{
    short events = 0;
    for (int i = 0; i < SETS; i++)
        if (selection->sets[i] && FD_ISSET(fd, &selection->asked[i]))
            events |= set_events[i];
    return events;
}

static int wait_selected(const struct selection *selection, ovl_time deadline)
{
    struct pollfd few[16];
    struct pollfd *fds = few;
    if (selection->count > 16)
        fds = ovl__sys.malloc((size_t)selection->count * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    nfds_t count = 0;
    for (int fd = 0; fd < selection->count; fd++) {
        short events = events_of(selection, fd);
        if (events)
            fds[count++] = (struct pollfd){.fd = fd, .events = events};
    }
    int error = ovl__hook_wait_fds(fds, count, deadline);
    if (fds != few)
        free(fds);
    return error;
}

/* Linux leaves in the timeout what was not used of it. */
static void tell_rest(struct timeval *timeout, ovl_time deadline)
{
    ovl_time rest = deadline - ovl_now();
    if (rest < 0)
        rest = 0;
    timeout->tv_sec = rest / OVL_SECOND;
    timeout->tv_usec = rest % OVL_SECOND / OVL_MICROSECOND;
}

static int select_until(struct selection *selection, ovl_time deadline)
{
    for (int error = 0;;) {
        int ready = look(selection);
        if (ready || error == OVL_ETIMEDOUT || deadline <= ovl_now())
            return ready;
        error = wait_selected(selection, deadline);
        if (!wait_again(error))
            return -1;
    }
}

static int yielding_select(struct selection *selection, struct timeval *timeout)
{
    if (!timeout)
        return select_until(selection, OVL_FOREVER);
    struct timespec length = {
        .tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000,
        .tv_nsec = timeout->tv_usec % 1000000 * OVL_MICROSECOND,
    };
    ovl_time deadline = deadline_of(&length);
    int ready = select_until(selection, deadline);
    tell_rest(timeout, deadline);
    return ready;
}

OVL__HOOK int select(int count, fd_set *restrict reads, fd_set *restrict writes,
                     fd_set *restrict exceptions, struct timeval *restrict timeout)
{
    if (!ovl__in_task())
        return ovl__sys.select(count, reads, writes, exceptions, timeout);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, count - 1, OVL_WAIT_SLEEP,
                            ovl__sys.select(count, reads, writes, exceptions, timeout));
    bool odd = count < 0 || count > FD_SETSIZE ||
               (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0));
    if (odd)
        return ovl__sys.select(count, reads, writes, exceptions, timeout);
    struct selection selection = {.count = count, .sets = {reads, writes, exceptions}};
    for (int i = 0; i < SETS; i++)
        if (selection.sets[i])
            selection.asked[i] = *selection.sets[i];
    return yielding_select(&selection, timeout);
}
