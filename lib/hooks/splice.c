/* Moving bytes from one descriptor to another. */
#include "base/memory.h"
#include "hooks/file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

OVL__HOOK_FILE(splice);

/* What goes from one descriptor to another is read, and written. */
static ssize_t moved(ssize_t size)
{
    return ovl__gave(ovl__took(size));
}

/* --- sendfile --- */

/* What is read and written at a time. */
#define CHUNK_BYTES (64 * 1024)

/*
 * The real call waits within the kernel for the disk and for the receiver, each of which would stop
 * the loop. Reads and writes that give way do the same work, at the price of a copy.
 */
static ssize_t copy_out(int to_fd, int from_fd, off_t *at, size_t count)
{
    char *chunk = ovl__sys.malloc(CHUNK_BYTES);
    if (!chunk) {
        errno = ENOMEM;
        return -1;
    }
    size_t copied = 0;
    int before = errno;
    bool failed = false;
    while (copied < count && !failed) {
        size_t wanted = count - copied < CHUNK_BYTES ? count - copied : CHUNK_BYTES;
        ssize_t size = pread(from_fd, chunk, wanted, *at);
        ssize_t sent = size > 0 ? write(to_fd, chunk, (size_t)size) : 0;
        failed = size < 0 || sent < 0;
        if (sent > 0) {
            *at += sent;
            copied += (size_t)sent;
        }
        if (!size || sent < size)
            break;
    }
    free(chunk);
    if (failed && !copied)
        return -1;
    errno = before;
    return (ssize_t)copied;
}

static ssize_t yielding_sendfile(int to_fd, int from_fd, off_t *offset, size_t count)
{
    if (offset)
        return copy_out(to_fd, from_fd, offset, count);
    off_t at = lseek(from_fd, 0, SEEK_CUR);
    if (at < 0)
        return -1;
    ssize_t copied = copy_out(to_fd, from_fd, &at, count);
    if (copied > 0)
        lseek(from_fd, at, SEEK_SET);
    return copied;
}

/* What the real call refuses, it refuses itself. */
static bool may_sendfile(int from_fd, const off_t *offset, size_t count)
{
    int flags = ovl__sys.fcntl(from_fd, F_GETFL, NULL);
    bool reads = flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
    return count && reads && ovl__is_file(from_fd) && (!offset || *offset >= 0);
}

OVL__HOOK ssize_t sendfile(int to_fd, int from_fd, off_t *offset, size_t count)
{
    if (!ovl__in_task())
        return ovl__sys.sendfile(to_fd, from_fd, offset, count);
    if (!ovl__current->coroutine || !may_sendfile(from_fd, offset, count))
        return moved(
            OVL__METERED(ssize_t, to_fd, 0, ovl__sys.sendfile(to_fd, from_fd, offset, count)));
    return yielding_sendfile(to_fd, from_fd, offset, count);
}
OVL__HOOK_ALIAS(sendfile, sendfile64)

/* --- splice and its like --- */

/* Gives way until both ends are ready; an end that is -1 is none. False with errno set. */
static bool await_both(int from_fd, int to_fd)
{
    struct ovl__blocked reading = {.fd = from_fd, .events = POLLIN};
    struct ovl__blocked writing = {.fd = to_fd, .events = POLLOUT};
    for (;;) {
        struct pollfd look[] = {{.fd = from_fd, .events = POLLIN},
                                {.fd = to_fd, .events = POLLOUT}};
        ovl__sys.poll(look, 2, 0);
        if (from_fd >= 0 && !look[0].revents) {
            if (!ovl__block(&reading))
                return false;
        } else if (to_fd >= 0 && !look[1].revents) {
            if (!ovl__block(&writing))
                return false;
        } else {
            return true;
        }
    }
}

/*
 * A socket that is ready for writing has room for a part of its buffer at least. The call waits for
 * the whole, so that it is given no more than that.
 */
static size_t room_of(int fd, size_t size)
{
    int buffer;
    socklen_t length = sizeof buffer;
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &length) || buffer < 8192)
        return size;
    size_t room = (size_t)buffer / 8;
    return size < room ? size : room;
}

/* As long as a call that does not wait for pipes finds nothing to do, both ends are waited for. */
#define UNTIL_DONE(from_fd, to_fd, call)                                                           \
    for (;;) {                                                                                     \
        if (!await_both((from_fd), (to_fd)))                                                       \
            return -1;                                                                             \
        ssize_t size_ = (call);                                                                    \
        if (size_ >= 0 || errno != EAGAIN)                                                         \
            return size_;                                                                          \
        if (ovl__is_nonblocking(from_fd) || ovl__is_nonblocking(to_fd))                            \
            return -1;                                                                             \
    }

static ssize_t yielding_splice(int from_fd, off_t *from_offset, int to_fd, off_t *to_offset,
                               size_t size, unsigned flags)
{
    UNTIL_DONE(from_fd, to_fd,
               ovl__sys.splice(from_fd, from_offset, to_fd, to_offset, room_of(to_fd, size),
                               flags | SPLICE_F_NONBLOCK))
}

static bool is_pipe_end(int fd)
{
    return ovl__sys.fcntl(fd, F_GETPIPE_SZ, NULL) >= 0;
}

/* What the real call refuses, it refuses itself. */
static bool may_splice(int from_fd, const off_t *from_offset, int to_fd, const off_t *to_offset)
{
    bool from_pipe = is_pipe_end(from_fd);
    bool to_pipe = is_pipe_end(to_fd);
    bool open =
        ovl__sys.fcntl(from_fd, F_GETFD, NULL) >= 0 && ovl__sys.fcntl(to_fd, F_GETFD, NULL) >= 0;
    return open && (from_pipe || to_pipe) && !(from_pipe && from_offset) && !(to_pipe && to_offset);
}

OVL__HOOK ssize_t splice(int from_fd, off_t *from_offset, int to_fd, off_t *to_offset, size_t size,
                         unsigned flags)
{
    if (!ovl__in_task())
        return ovl__sys.splice(from_fd, from_offset, to_fd, to_offset, size, flags);
    if (!ovl__current->coroutine || flags & SPLICE_F_NONBLOCK || !size ||
        !may_splice(from_fd, from_offset, to_fd, to_offset))
        return moved(
            OVL__METERED(ssize_t, from_fd, 0,
                         ovl__sys.splice(from_fd, from_offset, to_fd, to_offset, size, flags)));
    return moved(yielding_splice(from_fd, from_offset, to_fd, to_offset, size, flags));
}

static ssize_t yielding_tee(int from_fd, int to_fd, size_t size, unsigned flags){
    UNTIL_DONE(from_fd, to_fd, ovl__sys.tee(from_fd, to_fd, size, flags | SPLICE_F_NONBLOCK))}

OVL__HOOK ssize_t tee(int from_fd, int to_fd, size_t size, unsigned flags)
{
    if (!ovl__in_task())
        return ovl__sys.tee(from_fd, to_fd, size, flags);
    bool refused = !size || !is_pipe_end(from_fd) || !is_pipe_end(to_fd);
    if (!ovl__current->coroutine || flags & SPLICE_F_NONBLOCK || refused)
        return moved(OVL__METERED(ssize_t, from_fd, 0, ovl__sys.tee(from_fd, to_fd, size, flags)));
    return moved(yielding_tee(from_fd, to_fd, size, flags));
}

/* One end is memory: the pipe is written, or read, as it was opened. */
static bool is_to_be_read(int fd)
{
    return (ovl__sys.fcntl(fd, F_GETFL, NULL) & O_ACCMODE) == O_RDONLY;
}

static ssize_t yielding_vmsplice(int fd, const struct iovec *parts, size_t count, unsigned flags)
{
    struct ovl__blocked blocked = {.fd = fd, .events = is_to_be_read(fd) ? POLLIN : POLLOUT};
    for (;;) {
        ssize_t size = ovl__sys.vmsplice(fd, parts, count, flags | SPLICE_F_NONBLOCK);
        if (size >= 0 || errno != EAGAIN || !ovl__block(&blocked))
            return size;
    }
}

OVL__HOOK ssize_t vmsplice(int fd, const struct iovec *parts, size_t count, unsigned flags)
{
    if (!ovl__in_task())
        return ovl__sys.vmsplice(fd, parts, count, flags);
    ssize_t size;
    if (!ovl__current->coroutine || flags & SPLICE_F_NONBLOCK || !is_pipe_end(fd))
        size = OVL__METERED(ssize_t, fd, 0, ovl__sys.vmsplice(fd, parts, count, flags));
    else
        size = yielding_vmsplice(fd, parts, count, flags);
    return size > 0 && is_to_be_read(fd) ? ovl__took(size) : ovl__gave(size);
}

/* --- between files --- */

struct copy_call {
    int from_fd;
    off_t *from_offset;
    int to_fd;
    off_t *to_offset;
    size_t size;
    unsigned flags;
    ssize_t result;
    int error;
};

static void call_copy(void *argument)
{
    struct copy_call *call = argument;
    call->result = ovl__sys.copy_file_range(call->from_fd, call->from_offset, call->to_fd,
                                            call->to_offset, call->size, call->flags);
    call->error = errno;
}

OVL__HOOK ssize_t copy_file_range(int from_fd, off_t *from_offset, int to_fd, off_t *to_offset,
                                  size_t size, unsigned flags)
{
    if (!ovl__in_task())
        return ovl__sys.copy_file_range(from_fd, from_offset, to_fd, to_offset, size, flags);
    if (!ovl__current->coroutine)
        return moved(OVL__METERED(
            ssize_t, from_fd, 0,
            ovl__sys.copy_file_range(from_fd, from_offset, to_fd, to_offset, size, flags)));
    struct copy_call call = {.from_fd = from_fd,
                             .from_offset = from_offset,
                             .to_fd = to_fd,
                             .to_offset = to_offset,
                             .size = size,
                             .flags = flags};
    int before = errno;
    ovl__hook_call_in_thread(call_copy, &call, OVL_WAIT_DISK);
    errno = call.result < 0 ? call.error : before;
    return moved(call.result);
}
