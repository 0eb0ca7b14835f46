/*
 * Reading and writing. A try must not block whatever the descriptor is, and must not change its
 * flags, which it may share with other processes: preadv2 and pwritev2 have a flag for that, as
 * recv and send have. Where neither is supported, a poll comes before the call.
 */
#include "base/memory.h"
#include "hooks/file.h"

#include <limits.h>
#include <string.h>

OVL__HOOK_FILE(io);

/* Vectors of up to this many parts are walked on the stack. */
#define PARTS 16

/* The one way that is left: a call that may block only where another reader or writer comes
 * between. */
static bool is_ready(int fd, short events)
{
    struct pollfd look = {.fd = fd, .events = events};
    if (ovl__sys.poll(&look, 1, 0))
        return true;
    errno = EAGAIN;
    return false;
}

static bool is_unsupported(ssize_t size)
{
    return size < 0 && errno == EOPNOTSUPP;
}

static size_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* What has no flag for a try: sockets have another, and of the rest files are never waited for. */
static ssize_t try_readv_otherwise(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t size = ovl__sys.recvmsg(fd, &message, MSG_DONTWAIT);
    if (size >= 0 || errno != ENOTSOCK)
        return size;
    if (ovl__is_file(fd))
        return ovl__file_read(fd, parts, count, OVL__HERE, 0);
    return is_ready(fd, POLLIN) ? ovl__sys.readv(fd, parts, count) : -1;
}

/* Of a file only what is in memory comes at once; of all else, what comes first is all. */
static ssize_t try_readv(int fd, const struct iovec *parts, int count)
{
    if (ovl__is_direct(fd, parts, count, OVL__HERE))
        return ovl__file_read(fd, parts, count, OVL__HERE, 0);
    int before = errno;
    ssize_t size = ovl__sys.preadv2(fd, parts, count, OVL__HERE, RWF_NOWAIT);
    if (is_unsupported(size))
        return try_readv_otherwise(fd, parts, count);
    bool part = size > 0 && (size_t)size < size_of(parts, count);
    bool nothing = size < 0 && errno == EAGAIN;
    if ((!part && !nothing) || !ovl__is_file(fd))
        return size;
    errno = before;
    return ovl__file_read(fd, parts, count, OVL__HERE, part ? (size_t)size : 0);
}

static ssize_t try_writev_otherwise(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t size = ovl__sys.sendmsg(fd, &message, MSG_DONTWAIT);
    if (size >= 0 || errno != ENOTSOCK)
        return size;
    if (ovl__is_file(fd))
        return ovl__file_write(fd, parts, count, OVL__HERE);
    return is_ready(fd, POLLOUT) ? ovl__sys.writev(fd, parts, count) : -1;
}

static ssize_t try_writev(int fd, const struct iovec *parts, int count)
{
    if (ovl__is_direct(fd, parts, count, OVL__HERE))
        return ovl__file_write(fd, parts, count, OVL__HERE);
    ssize_t size = ovl__sys.pwritev2(fd, parts, count, OVL__HERE, RWF_NOWAIT);
    if (is_unsupported(size))
        return try_writev_otherwise(fd, parts, count);
    if (size < 0 && errno == EAGAIN && ovl__is_file(fd))
        return ovl__file_write(fd, parts, count, OVL__HERE);
    return size;
}

/* What is always ready, and of which epoll takes none, without being a file: it is called as it is.
 */
static bool must_block(int error)
{
    return error == EPERM;
}

static ssize_t yielding_readv(int fd, const struct iovec *parts, int count)
{
    struct ovl__blocked blocked = {.fd = fd, .events = POLLIN};
    for (;;) {
        ssize_t size = try_readv(fd, parts, count);
        if (size >= 0 || errno != EAGAIN)
            return size;
        if (!ovl__block(&blocked))
            return must_block(errno) ? ovl__sys.readv(fd, parts, count) : -1;
    }
}

/* What is left of a vector after its first bytes were taken. */
struct rest {
    struct iovec *parts;
    size_t count;
    struct iovec few[PARTS];
    struct iovec *many;
};

static int rest_init(struct rest *rest, const struct iovec *parts, size_t count)
{
    rest->many = NULL;
    rest->parts = rest->few;
    rest->count = count;
    if (count > PARTS) {
        rest->many = ovl__sys.malloc(count * sizeof *parts);
        if (!rest->many)
            return -ENOMEM;
        rest->parts = rest->many;
    }
    if (count)
        memcpy(rest->parts, parts, count * sizeof *parts);
    return 0;
}

static void rest_release(struct rest *rest)
{
    free(rest->many);
}

static void rest_take(struct rest *rest, size_t size)
{
    while (rest->count && size >= rest->parts->iov_len) {
        size -= rest->parts->iov_len;
        rest->parts++;
        rest->count--;
    }
    if (rest->count) {
        rest->parts->iov_base = (char *)rest->parts->iov_base + size;
        rest->parts->iov_len -= size;
    }
}

static bool rest_is_empty(const struct rest *rest)
{
    for (size_t i = 0; i < rest->count; i++)
        if (rest->parts[i].iov_len)
            return false;
    return true;
}

/*
 * One try of a transfer that goes on until all is moved, as blocking writes of streams do and reads
 * with MSG_WAITALL. Returns the size, or -1 and errno.
 */
typedef ssize_t try_fn(int fd, struct rest *rest, struct msghdr *message, int flags);

static ssize_t try_write_rest(int fd, struct rest *rest, struct msghdr *message, int flags)
{
    (void)message;
    (void)flags;
    return try_writev(fd, rest->parts, (int)rest->count);
}

static ssize_t try_send_rest(int fd, struct rest *rest, struct msghdr *message, int flags)
{
    message->msg_iov = rest->parts;
    message->msg_iovlen = rest->count;
    ssize_t size = ovl__sys.sendmsg(fd, message, flags | MSG_DONTWAIT);
    if (size > 0) { /* descriptors and the like are sent once */
        message->msg_control = NULL;
        message->msg_controllen = 0;
    }
    return size;
}

static ssize_t try_receive_rest(int fd, struct rest *rest, struct msghdr *message, int flags)
{
    message->msg_iov = rest->parts;
    message->msg_iovlen = rest->count;
    return ovl__sys.recvmsg(fd, message, (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
}

/* Where something was moved already, an error comes with the next call: this one tells how much. */
static ssize_t transfer_all(int fd, short events, try_fn *try, struct rest *rest,
                            struct msghdr *message, int flags)
{
    struct ovl__blocked blocked = {.fd = fd, .events = events};
    size_t moved = 0;
    int error = errno;
    for (;;) {
        ssize_t size = try(fd, rest, message, flags);
        if (size >= 0) {
            moved += (size_t)size;
            rest_take(rest, (size_t)size);
            if (rest_is_empty(rest) || (!size && events == POLLIN))
                break;
            continue;
        }
        if (errno != EAGAIN || !ovl__block(&blocked)) {
            if (!moved)
                return -1;
            break;
        }
    }
    errno = error;
    return (ssize_t)moved;
}

static ssize_t yielding_writev(int fd, const struct iovec *parts, int count)
{
    struct rest rest;
    if (rest_init(&rest, parts, (size_t)count)) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t size = transfer_all(fd, POLLOUT, try_write_rest, &rest, NULL, 0);
    rest_release(&rest);
    if (size < 0 && must_block(errno))
        return ovl__sys.writev(fd, parts, count);
    return size;
}

static ssize_t yielding_message(int fd, short events, try_fn *try, struct msghdr *message,
                                int flags)
{
    struct rest rest;
    if (rest_init(&rest, message->msg_iov, message->msg_iovlen)) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t size = transfer_all(fd, events, try, &rest, message, flags);
    rest_release(&rest);
    return size;
}

static ssize_t yielding_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr copy = *message;
    return yielding_message(fd, POLLOUT, try_send_rest, &copy, flags);
}

static ssize_t yielding_recvmsg(int fd, struct msghdr *message, int flags)
{
    if (flags & MSG_WAITALL && !(flags & MSG_PEEK)) {
        struct iovec *parts = message->msg_iov;
        size_t count = message->msg_iovlen;
        ssize_t size = yielding_message(fd, POLLIN, try_receive_rest, message, flags);
        message->msg_iov = parts;
        message->msg_iovlen = count;
        return size;
    }
    struct ovl__blocked blocked = {.fd = fd, .events = POLLIN};
    for (;;) {
        /* A try that fails may clear what the next one needs. */
        struct msghdr before = *message;
        ssize_t size = ovl__sys.recvmsg(fd, message, flags | MSG_DONTWAIT);
        if (size >= 0 || errno != EAGAIN || flags & MSG_ERRQUEUE)
            return size;
        *message = before;
        if (!ovl__block(&blocked))
            return -1;
    }
}

/* --- the calls --- */

OVL__HOOK ssize_t read(int fd, void *data, size_t size)
{
    if (!ovl__in_task())
        return ovl__sys.read(fd, data, size);
    if (!ovl__current->coroutine)
        return ovl__took(OVL__METERED(ssize_t, fd, 0, ovl__sys.read(fd, data, size)));
    return ovl__took(yielding_readv(fd, &(struct iovec){.iov_base = data, .iov_len = size}, 1));
}

OVL__HOOK ssize_t readv(int fd, const struct iovec *parts, int count)
{
    if (!ovl__in_task())
        return ovl__sys.readv(fd, parts, count);
    if (!ovl__current->coroutine)
        return ovl__took(OVL__METERED(ssize_t, fd, 0, ovl__sys.readv(fd, parts, count)));
    return ovl__took(yielding_readv(fd, parts, count));
}

OVL__HOOK ssize_t write(int fd, const void *data, size_t size)
{
    if (!ovl__in_task())
        return ovl__sys.write(fd, data, size);
    if (!ovl__current->coroutine)
        return ovl__gave(OVL__METERED(ssize_t, fd, 0, ovl__sys.write(fd, data, size)));
    return ovl__gave(
        yielding_writev(fd, &(struct iovec){.iov_base = (void *)data, .iov_len = size}, 1));
}

OVL__HOOK ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!ovl__in_task())
        return ovl__sys.writev(fd, parts, count);
    if (!ovl__current->coroutine)
        return ovl__gave(OVL__METERED(ssize_t, fd, 0, ovl__sys.writev(fd, parts, count)));
    if (count < 0 || count > IOV_MAX)
        return ovl__gave(ovl__sys.writev(fd, parts, count));
    return ovl__gave(yielding_writev(fd, parts, count));
}

OVL__HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.recvmsg(fd, message, flags);
    if (!ovl__current->coroutine)
        return ovl__took(
            OVL__METERED(ssize_t, -1, OVL_WAIT_NETWORK, ovl__sys.recvmsg(fd, message, flags)));
    if (flags & MSG_DONTWAIT)
        return ovl__took(ovl__sys.recvmsg(fd, message, flags));
    return ovl__took(yielding_recvmsg(fd, message, flags));
}

static ssize_t receive_from(int fd, void *restrict data, size_t size, int flags,
                            struct sockaddr *restrict address, socklen_t *restrict length)
{
    if (!ovl__current->coroutine)
        return OVL__METERED(ssize_t, -1, OVL_WAIT_NETWORK,
                            ovl__sys.recvfrom(fd, data, size, flags, address, length));
    if (flags & MSG_WAITALL && !(flags & (MSG_PEEK | MSG_DONTWAIT))) {
        struct msghdr message = {
            .msg_name = address,
            .msg_namelen = length ? *length : 0,
            .msg_iov = &(struct iovec){.iov_base = data, .iov_len = size},
            .msg_iovlen = 1,
        };
        ssize_t received = yielding_recvmsg(fd, &message, flags);
        if (length && received >= 0)
            *length = message.msg_namelen;
        return received;
    }
    struct ovl__blocked blocked = {.fd = fd, .events = POLLIN};
    for (;;) {
        ssize_t received = ovl__sys.recvfrom(fd, data, size, flags | MSG_DONTWAIT, address, length);
        if (received >= 0 || errno != EAGAIN || flags & (MSG_DONTWAIT | MSG_ERRQUEUE))
            return received;
        if (!ovl__block(&blocked))
            return -1;
    }
}

OVL__HOOK ssize_t recvfrom(int fd, void *restrict data, size_t size, int flags,
                           struct sockaddr *restrict address, socklen_t *restrict length)
{
    if (!ovl__in_task())
        return ovl__sys.recvfrom(fd, data, size, flags, address, length);
    return ovl__took(receive_from(fd, data, size, flags, address, length));
}

OVL__HOOK ssize_t recv(int fd, void *data, size_t size, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.recv(fd, data, size, flags);
    return recvfrom(fd, data, size, flags, NULL, NULL);
}

OVL__HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.sendmsg(fd, message, flags);
    if (!ovl__current->coroutine)
        return ovl__gave(
            OVL__METERED(ssize_t, -1, OVL_WAIT_NETWORK, ovl__sys.sendmsg(fd, message, flags)));
    if (flags & MSG_DONTWAIT)
        return ovl__gave(ovl__sys.sendmsg(fd, message, flags));
    return ovl__gave(yielding_sendmsg(fd, message, flags));
}

static ssize_t send_to(int fd, const void *data, size_t size, int flags,
                       const struct sockaddr *address, socklen_t length)
{
    if (!ovl__current->coroutine)
        return OVL__METERED(ssize_t, -1, OVL_WAIT_NETWORK,
                            ovl__sys.sendto(fd, data, size, flags, address, length));
    ssize_t sent = ovl__sys.sendto(fd, data, size, flags | MSG_DONTWAIT, address, length);
    bool all = sent >= 0 && (size_t)sent == size;
    if (all || (sent < 0 && errno != EAGAIN) || flags & MSG_DONTWAIT)
        return sent;
    size_t done = sent > 0 ? (size_t)sent : 0;
    struct iovec rest = {.iov_base = (char *)data + done, .iov_len = size - done};
    struct msghdr message = {
        .msg_name = (void *)address,
        .msg_namelen = length,
        .msg_iov = &rest,
        .msg_iovlen = 1,
    };
    ssize_t more = yielding_sendmsg(fd, &message, flags);
    if (more < 0)
        return done ? (ssize_t)done : -1;
    return (ssize_t)done + more;
}

OVL__HOOK ssize_t sendto(int fd, const void *data, size_t size, int flags,
                         const struct sockaddr *address, socklen_t length)
{
    if (!ovl__in_task())
        return ovl__sys.sendto(fd, data, size, flags, address, length);
    return ovl__gave(send_to(fd, data, size, flags, address, length));
}

OVL__HOOK ssize_t send(int fd, const void *data, size_t size, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.send(fd, data, size, flags);
    return sendto(fd, data, size, flags, NULL, 0);
}

/* --- libc's own reads and writes, in place of which they are --- */

OVL__HOOK int eventfd_read(int fd, eventfd_t *ret_value)
{
    return read(fd, ret_value, sizeof *ret_value) == sizeof *ret_value ? 0 : -1;
}

OVL__HOOK int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}
