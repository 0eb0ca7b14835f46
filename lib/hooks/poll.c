/* Waiting for descriptors. The kernel is asked what is ready, and never waited for. */
#include "base/memory.h"
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <string.h>

OVL__HOOK_FILE(poll);

static const struct timespec at_once;

/* Whether it is worth another look; false with errno set where the wait failed. */
static bool wait_again(int error)
{
    if (!error || error == OVL_ETIMEDOUT || error == -EBADF)
        return true;
    ovl__fail(error);
    return false;
}

static int count_ready(const struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++)
        ready += fds[i].revents != 0;
    return ready;
}

/* Who was woken by events has its answer in them; any other end of the wait needs another look. */
static int poll_until(struct pollfd *fds, nfds_t count, ovl_time deadline, const sigset_t *mask)
{
    for (int error = 0;;) {
        int ready = ovl__sys.ppoll(fds, count, &at_once, mask);
        if (ready || error == OVL_ETIMEDOUT || deadline <= ovl_now())
            return ready;
        error = ovl__hook_wait_masked(fds, count, deadline, mask);
        if (!wait_again(error))
            return -1;
        ready = error || mask ? 0 : count_ready(fds, count);
        if (ready)
            return ready;
    }
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
    return poll_until(fds, count, ovl__deadline_of_ms(timeout_ms), NULL);
}

OVL__HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                    const sigset_t *mask)
{
    if (!ovl__in_task())
        return ovl__sys.ppoll(fds, count, timeout, mask);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, first_fd(fds, count), OVL_WAIT_SLEEP,
                            ovl__sys.ppoll(fds, count, timeout, mask));
    if (timeout && !ovl__is_time(timeout))
        return ovl__sys.ppoll(fds, count, timeout, mask);
    return poll_until(fds, count, ovl__deadline_of(timeout), mask);
}

/* --- select --- */

enum { READS, WRITES, EXCEPTIONS, SETS };

static const short set_events[SETS] = {POLLIN, POLLOUT, POLLPRI};

struct selection {
    int count;
    fd_set *sets[SETS]; /* the caller's; NULL where it gave none */
    fd_set asked[SETS];
    const sigset_t *mask; /* while it looks; NULL: the thread's own */
};

/* Looks at once; the caller's sets then hold the answer. */
static int look(struct selection *selection)
{
    for (int i = 0; i < SETS; i++)
        if (selection->sets[i])
            *selection->sets[i] = selection->asked[i];
    return ovl__sys.pselect(selection->count, selection->sets[READS], selection->sets[WRITES],
                            selection->sets[EXCEPTIONS], &at_once, selection->mask);
}

static short events_of(const struct selection *selection, int fd)
{
    short events = 0;
    for (int i = 0; i < SETS; i++)
        if (selection->sets[i] && FD_ISSET(fd, &selection->asked[i]))
            events |= set_events[i];
    return events;
}

/* The caller's sets are overwritten by each look. */
static void remember(struct selection *selection)
{
    for (int i = 0; i < SETS; i++)
        if (selection->sets[i])
            selection->asked[i] = *selection->sets[i];
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
    int error = ovl__hook_wait_masked(fds, count, deadline, selection->mask);
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
    ovl_time deadline = ovl__deadline_of(&length);
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
    remember(&selection);
    return yielding_select(&selection, timeout);
}

OVL__HOOK int pselect(int count, fd_set *restrict reads, fd_set *restrict writes,
                      fd_set *restrict exceptions, const struct timespec *restrict timeout,
                      const sigset_t *restrict mask)
{
    if (!ovl__in_task())
        return ovl__sys.pselect(count, reads, writes, exceptions, timeout, mask);
    bool odd = count < 0 || count > FD_SETSIZE || (timeout && !ovl__is_time(timeout));
    if (!ovl__current->coroutine || odd)
        return OVL__METERED(int, count - 1, OVL_WAIT_SLEEP,
                            ovl__sys.pselect(count, reads, writes, exceptions, timeout, mask));
    struct selection selection = {
        .count = count,
        .sets = {reads, writes, exceptions},
        .mask = mask,
    };
    remember(&selection);
    return select_until(&selection, ovl__deadline_of(timeout));
}

/* --- epoll: an epoll descriptor can be waited for as any other --- */

static int epoll_until(int epoll_fd, struct epoll_event *events, int count, ovl_time deadline,
                       const sigset_t *mask)
{
    for (int error = 0;;) {
        int ready = ovl__sys.epoll_pwait(epoll_fd, events, count, 0, mask);
        if (!ready && mask) /* without a wait that delivers no signal; this does */
            ready = ovl__sys.ppoll(NULL, 0, &at_once, mask);
        if (ready || error == OVL_ETIMEDOUT || deadline <= ovl_now())
            return ready;
        error = ovl__hook_wait_masked(&(struct pollfd){.fd = epoll_fd, .events = POLLIN}, 1,
                                      deadline, mask);
        if (!wait_again(error))
            return -1;
    }
}

OVL__HOOK int epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms,
                          const sigset_t *mask)
{
    if (!ovl__in_task())
        return ovl__sys.epoll_pwait(epoll_fd, events, count, timeout_ms, mask);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, epoll_fd, 0,
                            ovl__sys.epoll_pwait(epoll_fd, events, count, timeout_ms, mask));
    return epoll_until(epoll_fd, events, count, ovl__deadline_of_ms(timeout_ms), mask);
}

OVL__HOOK int epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms)
{
    if (!ovl__in_task())
        return ovl__sys.epoll_wait(epoll_fd, events, count, timeout_ms);
    return epoll_pwait(epoll_fd, events, count, timeout_ms, NULL);
}

OVL__HOOK int epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
                           const struct timespec *timeout, const sigset_t *mask)
{
    bool odd = timeout && !ovl__is_time(timeout);
    if (!ovl__in_task() || odd)
        return ovl__sys.epoll_pwait2(epoll_fd, events, count, timeout, mask);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, epoll_fd, 0,
                            ovl__sys.epoll_pwait2(epoll_fd, events, count, timeout, mask));
    return epoll_until(epoll_fd, events, count, ovl__deadline_of(timeout), mask);
}
