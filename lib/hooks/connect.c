/* Making connections. */
#include "hooks/hooks.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <stdint.h>

OVL__HOOK_FILE(connect);

static int set_flags(int fd, int flags)
{
    return ovl__sys.fcntl(fd, F_SETFL, (void *)(intptr_t)flags);
}

/*
 * A connection is begun without waiting only where the descriptor is non-blocking: it is made so
 * for this one call. Nobody else uses a socket that is being connected.
 */
static int begin_connecting(int fd, const struct sockaddr *address, socklen_t length)
{
    int flags = ovl__sys.fcntl(fd, F_GETFL, NULL);
    if (flags < 0 || set_flags(fd, flags | O_NONBLOCK))
        return -1;
    int result = ovl__sys.connect(fd, address, length);
    int error = errno;
    set_flags(fd, flags);
    errno = error;
    return result;
}

/*
 * The manual's SO_SNDTIMEO: a connect that takes longer fails with EINPROGRESS. When it has been
 * decided, the call made once more tells how, without waiting, and puts the socket into the state
 * of one that was connected by a blocking call.
 */
static int finish_connecting(int fd, const struct sockaddr *address, socklen_t length)
{
    struct ovl__blocked blocked = {.fd = fd, .events = POLLOUT};
    struct pollfd look = {.fd = fd, .events = POLLOUT};
    do {
        if (!ovl__block(&blocked)) {
            if (errno == EAGAIN)
                errno = EINPROGRESS;
            return -1;
        }
    } while (ovl__sys.poll(&look, 1, 0) <= 0);
    return ovl__sys.connect(fd, address, length);
}

static int yielding_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (ovl__is_nonblocking(fd))
        return ovl__sys.connect(fd, address, length);
    struct ovl__blocked blocked = {.fd = fd, .events = POLLOUT};
    for (;;) {
        int result = begin_connecting(fd, address, length);
        if (!result || (errno != EINPROGRESS && errno != EAGAIN))
            return result;
        if (errno == EINPROGRESS)
            return finish_connecting(fd, address, length);
        /* A UNIX socket whose listener has no room: there is nothing to poll for but that room. */
        if (!ovl__block(&blocked))
            return -1;
        ovl__yield();
    }
}

OVL__HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (!ovl__in_task())
        return ovl__sys.connect(fd, address, length);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_NETWORK, ovl__sys.connect(fd, address, length));
    return yielding_connect(fd, address, length);
}

/* What accept would wait for, and not refuse at once. */
static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening;
}

/* There is no accept that would not block on a blocking socket: a look comes first. */
static bool await_connection(int fd)
{
    struct ovl__blocked blocked = {.fd = fd, .events = POLLIN};
    struct pollfd look = {.fd = fd, .events = POLLIN};
    while (!ovl__sys.poll(&look, 1, 0))
        if (!ovl__block(&blocked))
            return false;
    return true;
}

static int yielding_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    bool waits =
        !(flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) && !ovl__is_nonblocking(fd) && is_listening(fd);
    if (waits && !await_connection(fd))
        return -1;
    return ovl__sys.accept4(fd, address, length, flags);
}

OVL__HOOK int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length,
                      int flags)
{
    if (!ovl__in_task())
        return ovl__sys.accept4(fd, address, length, flags);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_NETWORK,
                            ovl__sys.accept4(fd, address, length, flags));
    return yielding_accept4(fd, address, length, flags);
}

OVL__HOOK int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    if (!ovl__in_task())
        return ovl__sys.accept(fd, address, length);
    return accept4(fd, address, length, 0);
}
