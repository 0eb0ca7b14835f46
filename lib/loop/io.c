/*
 * Streams. A socket is put into the loop's epoll once, edge-triggered, and stays there: a wait
 * costs no system call, and what epoll has said is remembered until a call has used it up.
 *
 * Who waits to read leaves its buffer with the stream, and the loop reads into it as soon as epoll
 * tells of something, for all that it tells of, one after the other, before it lets any of them go
 * on: the kernel's code for that stays in the caches meanwhile.
 */
#include "base/fetch.h"
#include "base/memory.h"
#include "base/system.h"
#include "loop/inside.h"
#include "loop/scope.h"

#include <errno.h>
#include <limits.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/io.h>
#include <sys/stat.h>

/* The two directions of a stream; the values are those of poll and epoll. */
#define SIDE_EVENTS(side) ((side) ? POLLOUT : POLLIN)
enum side { READ, WRITE };

struct ovl_io {
    int fd;
    bool is_socket;
    bool is_registered; /* with epoll, of `loop`, as long as there is that */
    bool is_closed;
    bool has_ended; /* epoll has told of the end: reading will not block any more */
    bool has_read;  /* the loop has, for the reader that waits */
    bool may[2];    /* by side: the next call may go through */
    unsigned users; /* calls that wait, and look at it afterwards */
    uint64_t loop;  /* the number of that where it first waited; 0: none */
    struct ovl__coroutine *waiter[2]; /* by side */
    void *buffer; /* the reader's, while it waits and nothing was read: NULL otherwise */
    union {
        size_t room;   /* bytes of the buffer */
        ssize_t count; /* once has_read: what was read, or the error */
    };
};

int ovl_io_open(int fd, struct ovl_io **ret_stream)
{
    struct stat status;
    if (fstat(fd, &status))
        return -errno;
    struct ovl_io *stream = ovl__zalloc(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    stream->fd = fd;
    stream->is_socket = S_ISSOCK(status.st_mode);
    stream->may[READ] = stream->may[WRITE] = stream->is_socket;
    *ret_stream = stream;
    return 0;
}

int ovl_io_fd(const struct ovl_io *stream)
{
    return stream->fd;
}

static void drop(struct ovl_io *stream)
{
    if (!--stream->users && stream->is_closed)
        free(stream);
}

/* The loop may be gone. In a child of fork its epoll is the parent's, who may go on waiting. */
static void leave_epoll(const struct ovl_io *stream)
{
    if (!stream->is_registered)
        ovl__loop_forget_fd(stream->fd);
    else if (ovl__here && ovl__here->number == stream->loop)
        ovl__sys.epoll_ctl(ovl__here->epoll_fd, EPOLL_CTL_DEL, stream->fd, NULL);
}

void ovl_io_close(struct ovl_io *stream)
{
    if (!stream)
        return;
    leave_epoll(stream);
    ovl__sys.close(stream->fd);
    stream->is_closed = true;
    for (int side = READ; side <= WRITE; side++)
        if (stream->waiter[side])
            ovl__resume(stream->waiter[side]);
    stream->users++;
    drop(stream);
}

static bool is_blocked(ssize_t count)
{
    return count < 0 && (errno == EAGAIN || errno == EINTR);
}

static inline __attribute__((always_inline)) ssize_t try_read(struct ovl_io *stream, void *data,
                                                              size_t size)
{
    if (!stream->is_socket)
        return ovl__sys.read(stream->fd, data, size);
    ssize_t count = ovl__sys.recv(stream->fd, data, size, MSG_DONTWAIT);
    /* Less than was asked for: there is no more now, and epoll will tell of more. */
    if (count > 0 && (size_t)count < size && stream->is_registered && !stream->has_ended)
        stream->may[READ] = false;
    return count;
}

/* --- waiting --- */

static struct ovl_io *stream_of(const struct epoll_event *event)
{
    return (void *)(uintptr_t)(event->data.u64 & ~OVL__EVENT_STREAM);
}

void ovl__stream_fetch(const struct epoll_event *event)
{
    ovl__fetch(stream_of(event), sizeof(struct ovl_io));
}

void ovl__stream_fetch_waiters(const struct epoll_event *event)
{
    const struct ovl_io *stream = stream_of(event);
    for (int side = READ; side <= WRITE; side++)
        if (stream->waiter[side])
            ovl__fetch(stream->waiter[side], OVL__LINE_BYTES + 1);
    if (stream->buffer)
        ovl__fetch(stream->buffer, 1);
}

/* Reads for the one that waits to. False: there was nothing, and it goes on waiting. */
static bool read_for_waiter(struct ovl_io *stream)
{
    ssize_t count = try_read(stream, stream->buffer, stream->room);
    if (is_blocked(count)) {
        stream->may[READ] = errno != EAGAIN;
        return stream->may[READ];
    }
    stream->count = count < 0 ? -errno : count;
    stream->has_read = true;
    stream->buffer = NULL;
    return true;
}

void ovl__stream_happened(const struct epoll_event *event)
{
    struct ovl_io *stream = stream_of(event);
    bool broken = event->events & (EPOLLHUP | EPOLLERR);
    if (broken || event->events & EPOLLRDHUP)
        stream->has_ended = true;
    if (event->events & EPOLLIN || stream->has_ended) {
        stream->may[READ] = true;
        if (stream->waiter[READ] && (!stream->buffer || read_for_waiter(stream)))
            ovl__resume(stream->waiter[READ]);
    }
    if (event->events & EPOLLOUT || broken) {
        stream->may[WRITE] = true;
        if (stream->waiter[WRITE])
            ovl__resume(stream->waiter[WRITE]);
    }
}

static int enter_epoll(struct ovl_io *stream, struct ovl__loop *loop)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = (uintptr_t)stream | OVL__EVENT_STREAM,
    };
    if (ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, stream->fd, &event) &&
        (errno != EEXIST || ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, stream->fd, &event)))
        return -errno;
    stream->loop = loop->number;
    stream->is_registered = true;
    return 0;
}

/* What a call reads into; that of a writer is empty. */
struct buffer {
    void *data;
    size_t size;
};

/* What a wait returns where the loop has read meanwhile; otherwise 0 or an error. */
#define HAS_READ 1

/* Waits are written once, and compiled for each side by itself: a message passes through them. */
#define FOR_EACH_SIDE static inline __attribute__((always_inline))

FOR_EACH_SIDE bool is_over(const struct ovl_io *stream, enum side side)
{
    return stream->may[side] || stream->is_closed || (side == READ && stream->has_read);
}

FOR_EACH_SIDE int suspend_for(struct ovl_io *stream, enum side side, struct buffer buffer,
                              ovl_time deadline)
{
    if (stream->waiter[side])
        return -EBUSY;
    stream->waiter[side] = ovl__current->coroutine;
    if (side == READ) {
        stream->has_read = false;
        stream->buffer = buffer.data;
        stream->room = buffer.size;
    }
    int error = 0;
    while (!is_over(stream, side) && !error) {
        ovl__waits_for(side == READ ? "read" : "write", stream->fd);
        error = ovl__suspend(deadline);
    }
    stream->waiter[side] = NULL;
    if (side == READ)
        stream->buffer = NULL;
    if (side == READ && stream->has_read)
        return HAS_READ;
    return stream->may[side] ? 0 : error;
}

FOR_EACH_SIDE int wait_held(struct ovl_io *stream, enum side side, struct buffer buffer,
                            ovl_time deadline)
{
    struct ovl__loop *loop = ovl__here;
    if (!ovl__self() || !stream->is_socket || (stream->loop && stream->loop != loop->number))
        return ovl_wait_fd(stream->fd, SIDE_EVENTS(side), deadline);
    if (!stream->is_registered) {
        stream->may[side] = false;
        int error = enter_epoll(stream, loop);
        if (error)
            return error;
    }
    return suspend_for(stream, side, buffer, deadline);
}

/*
 * Gives way until the next call in this direction may go through, or, HAS_READ, has for it. Where
 * it fails, the stream may be gone.
 */
FOR_EACH_SIDE int wait_for(struct ovl_io *stream, enum side side, struct buffer buffer,
                           ovl_time deadline)
{
    stream->users++;
    int error = wait_held(stream, side, buffer, deadline);
    if (stream->is_closed)
        error = -EBADF;
    drop(stream);
    return error;
}

static __attribute__((noinline)) int yield_held(struct ovl_io *stream)
{
    stream->users++;
    int error = ovl_yield();
    if (stream->is_closed)
        error = -EBADF;
    drop(stream);
    return error;
}

/*
 * Before each call: fails in a cancelled scope, and lets others run now and then, so that who never
 * has to wait leaves room for them too. Where it fails, the stream may be gone.
 */
static inline int check_in(struct ovl_io *stream, struct ovl__coroutine *self)
{
    if (!self)
        return 0;
    struct ovl__loop *loop = self->loop;
    if (ovl__loop_turn(loop) >= loop->look_at)
        return yield_held(stream);
    loop->look_at--;
    return ovl__scope_reason(self->scope) ? OVL_ECANCELED : 0;
}

/* --- reading and writing --- */

/* Writes to a pipe: as much as is sure not to block where it is writable, without a signal. */
static ssize_t write_pipe(int fd, const void *data, size_t size)
{
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    sigpending(&pending);
    ssize_t count = ovl__sys.write(fd, data, size < PIPE_BUF ? size : PIPE_BUF);
    int error = errno;
    if (count < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return count;
}

static ssize_t try_write(struct ovl_io *stream, const void *data, size_t size)
{
    if (!stream->is_socket)
        return write_pipe(stream->fd, data, size);
    return ovl__sys.send(stream->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Waits where it is known, or was found, that a call would block; 0: try, or try again. */
FOR_EACH_SIDE int wait_first(struct ovl_io *stream, enum side side, struct buffer buffer,
                             bool found, ovl_time deadline)
{
    if (found && stream->is_registered)
        stream->may[side] = false;
    return stream->may[side] && !found ? 0 : wait_for(stream, side, buffer, deadline);
}

static __attribute__((noinline)) ssize_t read_on(struct ovl_io *stream, void *data, size_t size,
                                                 ovl_time deadline)
{
    int error = 0;
    for (bool found = false; !error; found = errno == EAGAIN) {
        error = wait_first(stream, READ, (struct buffer){data, size}, found, deadline);
        if (error)
            break;
        ssize_t count = try_read(stream, data, size);
        if (!is_blocked(count))
            return count < 0 ? -errno : count;
    }
    return error == HAS_READ ? stream->count : error;
}

/* Whether there is nothing but to wait, and the loop will read for who does. */
static inline bool is_to_be_told(const struct ovl_io *stream, const struct ovl__coroutine *self)
{
    return self && stream->loop == self->loop->number && !stream->may[READ] &&
           !stream->waiter[READ] && !stream->is_closed;
}

/* The wait that most reads come to, in few steps. HAS_READ; 0: try; an error. */
static inline int let_loop_read(struct ovl_io *stream, struct ovl__coroutine *self,
                                struct buffer buffer, ovl_time deadline)
{
    stream->users++;
    stream->waiter[READ] = self;
    stream->has_read = false;
    stream->buffer = buffer.data;
    stream->room = buffer.size;
    int error = ovl__await_resume(self, "read", stream->fd, deadline);
    stream->waiter[READ] = NULL;
    stream->buffer = NULL;
    if (stream->is_closed) {
        drop(stream);
        return -EBADF;
    }
    stream->users--;
    if (stream->has_read)
        return HAS_READ;
    return ovl__scope_reason(self->scope) ? OVL_ECANCELED : error;
}

ssize_t ovl_io_read(struct ovl_io *stream, void *data, size_t size, ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__self();
    int error = check_in(stream, self);
    if (!error && is_to_be_told(stream, self))
        error = let_loop_read(stream, self, (struct buffer){data, size}, deadline);
    if (error)
        return error == HAS_READ ? stream->count : error;
    return read_on(stream, data, size, deadline);
}

int ovl_io_read_all(struct ovl_io *stream, void *data, size_t size, ovl_time deadline)
{
    ssize_t count = 1;
    for (size_t done = 0; done < size && count > 0; done += (size_t)count)
        count = ovl_io_read(stream, (char *)data + done, size - done, deadline);
    return count > 0 ? 0 : count ? (int)count : OVL_EENDED;
}

/* Goes on where a call came to `count`; 0: none was made. */
static __attribute__((noinline)) int write_on(struct ovl_io *stream, const void *data, size_t size,
                                              ssize_t count, ovl_time deadline)
{
    for (;;) {
        if (count < 0 && !is_blocked(count))
            return -errno;
        bool found = count < 0 && errno == EAGAIN;
        data = (const char *)data + (count < 0 ? 0 : count);
        size -= count < 0 ? 0 : (size_t)count;
        if (!size)
            return 0;
        int error = wait_first(stream, WRITE, (struct buffer){0}, found, deadline);
        if (error)
            return error;
        count = try_write(stream, data, size);
    }
}

int ovl_io_write(struct ovl_io *stream, const void *data, size_t size, ovl_time deadline)
{
    int error = check_in(stream, ovl__self());
    if (error || !size)
        return error;
    ssize_t count = stream->may[WRITE] ? try_write(stream, data, size) : 0;
    return count == (ssize_t)size ? 0 : write_on(stream, data, size, count, deadline);
}

int ovl_io_shut(struct ovl_io *stream)
{
    return shutdown(stream->fd, SHUT_WR) ? -errno : 0;
}
