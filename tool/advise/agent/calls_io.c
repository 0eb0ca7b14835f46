/* Files, pipes, sockets: calls that wait for a descriptor. */
#include "advise/agent/calls.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- reading and writing --- */

EXPORT ssize_t read(int fd, void *buffer, size_t size)
{
    struct agent_wait wait = agent_wait_descriptor(fd, CALLER);
    if (size >= COPIES_MUCH)
        agent_wait_measure_cpu(&wait);
    ssize_t result = REAL(read)(fd, buffer, size);
    agent_wait_end(&wait);
    agent_note_read(&wait, result);
    return result;
}

EXPORT ssize_t write(int fd, const void *buffer, size_t size)
{
    TIMED_FLAGS(ssize_t, fd, size, RECORD_WRITE, REAL(write)(fd, buffer, size));
}

EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
    TIMED_COPY(ssize_t, fd, COPIES_MUCH, REAL(readv)(fd, vector, count));
}

EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
    TIMED_FLAGS(ssize_t, fd, COPIES_MUCH, RECORD_WRITE, REAL(writev)(fd, vector, count));
}

EXPORT ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    TIMED_COPY(ssize_t, fd, size, REAL(pread)(fd, buffer, size, offset));
}

EXPORT ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    TIMED_COPY(ssize_t, fd, size, REAL(pwrite)(fd, buffer, size, offset));
}

EXPORT ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset)
{
    TIMED_COPY(ssize_t, fd, size, REAL(pread64)(fd, buffer, size, offset));
}

EXPORT ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset)
{
    TIMED_COPY(ssize_t, fd, size, REAL(pwrite64)(fd, buffer, size, offset));
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
    TIMED_COPY(ssize_t, out, size, REAL(sendfile)(out, in, offset, size));
}

/* What a fortified program calls in their place. */
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
EXPORT ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
    TIMED_COPY(ssize_t, fd, size, REAL(__read_chk)(fd, buffer, size, room));
}

ssize_t __pread64_chk(int fd, void *buffer, size_t size, off64_t offset, size_t room);
EXPORT ssize_t __pread64_chk(int fd, void *buffer, size_t size, off64_t offset, size_t room)
{
    TIMED_COPY(ssize_t, fd, size, REAL(__pread64_chk)(fd, buffer, size, offset, room));
}

/* --- files --- */

EXPORT int fsync(int fd)
{
    TIMED_FLAGS(int, fd, COPIES_MUCH, RECORD_SYNC, REAL(fsync)(fd));
}

EXPORT int fdatasync(int fd)
{
    TIMED_FLAGS(int, fd, COPIES_MUCH, RECORD_SYNC, REAL(fdatasync)(fd));
}

/* The mode is read only where there is one. */
#define OPEN_MODE(flags, last)                                                                     \
    mode_t mode = 0;                                                                               \
    if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) {                                     \
        va_list more;                                                                              \
        va_start(more, last);                                                                      \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }

static struct agent_wait wait_file(const void *caller)
{
    struct agent_wait wait = agent_wait_kind(RECORD_DISK, caller);
    agent_wait_measure_cpu(&wait);
    return wait;
}

EXPORT int open(const char *path, int flags, ...)
{
    OPEN_MODE(flags, flags)
    struct agent_wait wait = wait_file(CALLER);
    int fd = REAL(open)(path, flags, mode);
    agent_wait_end(&wait);
    return fd;
}

EXPORT int open64(const char *path, int flags, ...)
{
    OPEN_MODE(flags, flags)
    struct agent_wait wait = wait_file(CALLER);
    int fd = REAL(open64)(path, flags, mode);
    agent_wait_end(&wait);
    return fd;
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
    OPEN_MODE(flags, flags)
    struct agent_wait wait = wait_file(CALLER);
    int fd = REAL(openat)(folder, path, flags, mode);
    agent_wait_end(&wait);
    return fd;
}

EXPORT int flock(int fd, int operation)
{
    TIMED_KIND(int, RECORD_LOCK, REAL(flock)(fd, operation));
}

/* --- sockets --- */

EXPORT ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    TIMED_DESCRIPTOR(ssize_t, fd, REAL(recv)(fd, buffer, size, flags));
}

EXPORT ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                        socklen_t *length)
{
    TIMED_DESCRIPTOR(ssize_t, fd, REAL(recvfrom)(fd, buffer, size, flags, from, length));
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    TIMED_DESCRIPTOR(ssize_t, fd, REAL(recvmsg)(fd, message, flags));
}

EXPORT ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    TIMED_COPY(ssize_t, fd, size, REAL(send)(fd, buffer, size, flags));
}

EXPORT ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length)
{
    TIMED_COPY(ssize_t, fd, size, REAL(sendto)(fd, buffer, size, flags, to, length));
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    TIMED_COPY(ssize_t, fd, COPIES_MUCH, REAL(sendmsg)(fd, message, flags));
}

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    TIMED_DESCRIPTOR(int, fd, REAL(connect)(fd, to, length));
}

EXPORT int accept(int fd, struct sockaddr *from, socklen_t *length)
{
    TIMED_DESCRIPTOR(int, fd, REAL(accept)(fd, from, length));
}

EXPORT int accept4(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
    TIMED_DESCRIPTOR(int, fd, REAL(accept4)(fd, from, length, flags));
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
EXPORT ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
    TIMED_DESCRIPTOR(ssize_t, fd, REAL(__recv_chk)(fd, buffer, size, room, flags));
}

ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room, int flags,
                       struct sockaddr *from, socklen_t *length);
EXPORT ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room, int flags,
                              struct sockaddr *from, socklen_t *length)
{
    TIMED_DESCRIPTOR(ssize_t, fd,
                     REAL(__recvfrom_chk)(fd, buffer, size, room, flags, from, length));
}

EXPORT int getaddrinfo(const char *restrict node, const char *restrict service,
                       const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    TIMED_KIND(int, RECORD_NETWORK, REAL(getaddrinfo)(node, service, hints, found));
}

/* --- several descriptors --- */

/* Where nothing came within the time that it was to wait at most, it has slept for that. */
static void note_time_out(struct agent_wait *wait, int result, int milliseconds)
{
    if (result == 0 && milliseconds > 0)
        agent_wait_asked(wait, milliseconds / 1000, milliseconds % 1000 * 1000000);
}

static struct agent_wait wait_poll(const struct pollfd *polls, nfds_t count, const void *caller)
{
    int fd = -1;
    for (nfds_t n = 0; n < count && fd < 0; n++)
        fd = polls[n].fd;
    struct agent_wait wait =
        fd < 0 ? agent_wait_kind(RECORD_SLEEP, caller) : agent_wait_descriptor(fd, caller);
    wait.flags |= RECORD_POLL;
    return wait;
}

EXPORT int poll(struct pollfd *polls, nfds_t count, int timeout)
{
    struct agent_wait wait = wait_poll(polls, count, CALLER);
    int result = REAL(poll)(polls, count, timeout);
    note_time_out(&wait, result, timeout);
    agent_wait_end(&wait);
    return result;
}

EXPORT int ppoll(struct pollfd *polls, nfds_t count, const struct timespec *timeout,
                 const sigset_t *signals)
{
    struct agent_wait wait = wait_poll(polls, count, CALLER);
    int result = REAL(ppoll)(polls, count, timeout, signals);
    if (result == 0 && timeout)
        agent_wait_asked(&wait, timeout->tv_sec, timeout->tv_nsec);
    agent_wait_end(&wait);
    return result;
}

int __poll_chk(struct pollfd *polls, nfds_t count, int timeout, size_t room);
EXPORT int __poll_chk(struct pollfd *polls, nfds_t count, int timeout, size_t room)
{
    struct agent_wait wait = wait_poll(polls, count, CALLER);
    int result = REAL(__poll_chk)(polls, count, timeout, room);
    note_time_out(&wait, result, timeout);
    agent_wait_end(&wait);
    return result;
}

static struct agent_wait wait_select(int count, const fd_set *read_set, const fd_set *write_set,
                                     const void *caller)
{
    int fd = -1;
    for (int n = 0; n < count && n < FD_SETSIZE && fd < 0; n++)
        if ((read_set && FD_ISSET(n, read_set)) || (write_set && FD_ISSET(n, write_set)))
            fd = n;
    struct agent_wait wait =
        fd < 0 ? agent_wait_kind(RECORD_SLEEP, caller) : agent_wait_descriptor(fd, caller);
    wait.flags |= RECORD_POLL;
    return wait;
}

EXPORT int select(int count, fd_set *restrict read_set, fd_set *restrict write_set,
                  fd_set *restrict error_set, struct timeval *restrict timeout)
{
    struct timeval asked = timeout ? *timeout : (struct timeval){.tv_sec = 0}; /* it is changed */
    struct agent_wait wait = wait_select(count, read_set, write_set, CALLER);
    int result = REAL(select)(count, read_set, write_set, error_set, timeout);
    if (result == 0)
        agent_wait_asked(&wait, asked.tv_sec, (int64_t)asked.tv_usec * 1000);
    agent_wait_end(&wait);
    return result;
}

EXPORT int pselect(int count, fd_set *restrict read_set, fd_set *restrict write_set,
                   fd_set *restrict error_set, const struct timespec *restrict timeout,
                   const sigset_t *restrict signals)
{
    struct agent_wait wait = wait_select(count, read_set, write_set, CALLER);
    int result = REAL(pselect)(count, read_set, write_set, error_set, timeout, signals);
    if (result == 0 && timeout)
        agent_wait_asked(&wait, timeout->tv_sec, timeout->tv_nsec);
    agent_wait_end(&wait);
    return result;
}

/* --- epoll: an event loop, which is the busier the more it watches --- */

#define LOOPS 64

/* How many descriptors an epoll instance watches, beside the one by which a loop wakes itself. */
static _Atomic int watched[LOOPS];

EXPORT int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int result = REAL(epoll_ctl)(epoll, operation, fd, event);
    if (result == 0 && epoll >= 0 && epoll < LOOPS) {
        if (operation == EPOLL_CTL_ADD)
            atomic_fetch_add(&watched[epoll], 1);
        else if (operation == EPOLL_CTL_DEL)
            atomic_fetch_sub(&watched[epoll], 1);
    }
    return result;
}

static struct agent_wait wait_loop(int epoll, int timeout, const void *caller)
{
    bool more = epoll >= 0 && epoll < LOOPS && atomic_load(&watched[epoll]) > 1;
    struct agent_wait wait = agent_wait_kind(
        more ? RECORD_NETWORK : (timeout > 0 ? RECORD_SLEEP : RECORD_OTHER), caller);
    wait.flags |= RECORD_POLL;
    if (!more && timeout < 0)
        wait.flags |= RECORD_IDLE;
    return wait;
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    struct agent_wait wait = wait_loop(epoll, timeout, CALLER);
    int result = REAL(epoll_wait)(epoll, events, count, timeout);
    note_time_out(&wait, result, timeout);
    agent_wait_end(&wait);
    return result;
}

EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout,
                       const sigset_t *signals)
{
    struct agent_wait wait = wait_loop(epoll, timeout, CALLER);
    int result = REAL(epoll_pwait)(epoll, events, count, timeout, signals);
    note_time_out(&wait, result, timeout);
    agent_wait_end(&wait);
    return result;
}
