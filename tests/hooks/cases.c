/*
 * The calls that are hooked, each as unsuspecting code makes them. Compiled twice, under the name
 * CASES: plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "../support/pattern.h"
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

/* A size that the compiler does not know: calls with it are checked at run time where fortified. */
static volatile size_t unknown_size;

static size_t size_of(size_t size)
{
    unknown_size = size;
    return unknown_size;
}

/* --- what cases work on --- */

static void pipe_open(struct record *record, int fds[2])
{
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
}

static void unix_pair(struct record *record, int type, int fds[2])
{
    NEED(record, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
}

static struct sockaddr *plain(struct sockaddr_in *address)
{
    return (struct sockaddr *)address;
}

/* A socket bound to a free port of loopback, and its address. */
static int bound(struct record *record, int type, struct sockaddr_in *ret_address)
{
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof *ret_address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    NEED(record, fd >= 0);
    NEED(record, bind(fd, plain(ret_address), length) == 0);
    NEED(record, getsockname(fd, plain(ret_address), &length) == 0);
    return fd;
}

static int listener(struct record *record, struct sockaddr_in *ret_address)
{
    int fd = bound(record, SOCK_STREAM, ret_address);
    NEED(record, listen(fd, 8) == 0);
    return fd;
}

static int tcp_socket(struct record *record)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(record, fd >= 0);
    return fd;
}

static void tcp_pair(struct record *record, int fds[2])
{
    struct sockaddr_in address;
    int server = listener(record, &address);
    fds[0] = tcp_socket(record);
    NEED(record, connect(fds[0], plain(&address), sizeof address) == 0);
    fds[1] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    NEED(record, fds[1] >= 0);
    close(server);
}

/* So little room between the two that writes must wait. */
static void set_small_room(struct record *record, const int fds[2])
{
    int size = 65536;
    NEED(record, setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
    NEED(record, setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
}

static void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void set_timeout(struct record *record, int fd, int option, int ms)
{
    struct timeval length = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    NEED(record, setsockopt(fd, SOL_SOCKET, option, &length, sizeof length) == 0);
}

static void set_nonblocking(struct record *record, int fd)
{
    NEED(record, fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

/* Fills what the other end does not read, and leaves the descriptor's flags as they were. */
static void fill(struct record *record, int fd)
{
    char bytes[4096] = {0};
    int flags = fcntl(fd, F_GETFL);
    NEED(record, fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    size_t size = sizeof bytes;
    while (size > 0)
        if (write(fd, bytes, size) < 0)
            size /= 2;
    NEED(record, fcntl(fd, F_SETFL, flags) == 0);
}

/* --- what others do meanwhile --- */

static void write_hello(void *argument)
{
    if (write(*(int *)argument, "hello", 5) != 5)
        abort();
}

static void close_it(void *argument)
{
    close(*(int *)argument);
}

static void shut_it_down(void *argument)
{
    shutdown(*(int *)argument, SHUT_WR);
}

/* Reads all that comes until the other end closes. */
static void drain(void *argument)
{
    char bytes[65536];
    while (read(*(int *)argument, bytes, sizeof bytes) > 0)
        ;
}

static void read_some(void *argument)
{
    char bytes[65536];
    if (read(*(int *)argument, bytes, sizeof bytes) <= 0)
        abort();
}

struct slow_writer {
    int fd;
    int parts;
};

/* Writes "part" a few times, with pauses. */
static void write_parts(void *argument)
{
    const struct slow_writer *writer = argument;
    for (int i = 0; i < writer->parts; i++) {
        if (write(writer->fd, "part", 4) != 4)
            abort();
        nanosleep(&(struct timespec){.tv_nsec = 3 * MS}, NULL);
    }
}

struct caller {
    struct sockaddr_in address;
    int fd;
};

static void connect_to(void *argument)
{
    struct caller *caller = argument;
    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(caller->fd, plain(&caller->address), sizeof caller->address))
        abort();
}

/* --- read and write --- */

static void read_what_is_there(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    pipe_open(record, fds);
    CALL(record, write(fds[1], "0123456789", size_of(10)));
    CALL(record, read(fds[0], bytes, size_of(4)));
    record_bytes(record, "first", bytes, sizeof bytes);
    CALL(record, read(fds[0], bytes, size_of(16)));
    record_bytes(record, "rest", bytes, sizeof bytes);
    close(fds[1]);
    CALL(record, read(fds[0], bytes, size_of(16)));
    CALL(record, read(fds[0], bytes, size_of(0)));
    close(fds[0]);
}

static void read_late_from(struct record *record, const int fds[2])
{
    char bytes[16] = {0};
    int writer = fds[1];
    struct later later;
    later_begin(&later, record, write_hello, &writer);
    CALL(record, read(fds[0], bytes, size_of(16)));
    later_end(&later);
    record_bytes(record, "read", bytes, sizeof bytes);
    close_both(fds);
}

static void read_waits_for_a_pipe(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    read_late_from(record, fds);
}

static void read_waits_for_a_unix_socket(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    read_late_from(record, fds);
}

static void read_waits_for_a_datagram(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_DGRAM, fds);
    read_late_from(record, fds);
}

static void read_waits_for_tcp(struct record *record)
{
    int fds[2];
    tcp_pair(record, fds);
    read_late_from(record, fds);
}

static void read_waits_for_the_end(struct record *record)
{
    for (int kind = 0; kind < 3; kind++) {
        int fds[2];
        char bytes[16];
        if (kind == 0)
            pipe_open(record, fds);
        else if (kind == 1)
            unix_pair(record, SOCK_STREAM, fds);
        else
            tcp_pair(record, fds);
        struct later later;
        later_begin(&later, record, close_it, &fds[1]);
        CALL(record, read(fds[0], bytes, size_of(16)));
        later_end(&later);
        close(fds[0]);
    }
}

static void read_of_files(struct record *record)
{
    char bytes[100] = {0};
    char name[] = "/tmp/overlap-test-XXXXXX";
    int fd = mkstemp(name);
    NEED(record, fd >= 0);
    unlink(name);
    pattern_fill(bytes, 0, sizeof bytes, 3);
    CALL(record, write(fd, bytes, size_of(100)));
    CALL(record, write(fd, bytes, size_of(0)));
    CALL(record, lseek(fd, 10, SEEK_SET));
    memset(bytes, 0, sizeof bytes);
    CALL(record, read(fd, bytes, size_of(50)));
    record_bytes(record, "middle", bytes, sizeof bytes);
    CALL(record, read(fd, bytes, size_of(100)));
    CALL(record, read(fd, bytes, size_of(100)));
    CALL(record, lseek(fd, 0, SEEK_CUR));
    close(fd);
    fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    CALL(record, read(fd, bytes, size_of(100)));
    CALL(record, write(fd, bytes, size_of(100)));
    record_bytes(record, "zeros", bytes, sizeof bytes);
    close(fd);
    fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    CALL(record, write(fd, bytes, size_of(100)));
    close(fd);
    fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    FACT(record, read(fd, bytes, size_of(100)) > 0);
    close(fd);
}

static void read_and_write_refuse(struct record *record)
{
    char bytes[16] = {0};
    int fds[2];
    pipe_open(record, fds);
    CALL(record, read(-1, bytes, size_of(16)));
    CALL(record, read(9999, bytes, size_of(16)));
    CALL(record, write(-1, bytes, size_of(16)));
    CALL(record, write(9999, bytes, size_of(0)));
    CALL(record, read(fds[1], bytes, size_of(16)));
    CALL(record, write(fds[0], bytes, size_of(16)));
    close_both(fds);
    CALL(record, read(fds[0], bytes, size_of(16)));
    CALL(record, write(fds[1], bytes, size_of(16)));
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CALL(record, read(folder, bytes, size_of(16)));
    close(folder);
    int unconnected = tcp_socket(record);
    CALL(record, read(unconnected, bytes, size_of(16)));
    CALL(record, write(unconnected, bytes, size_of(16)));
    close(unconnected);
}

static void write_to_a_closed_end(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    close(fds[0]);
    CALL(record, write(fds[1], "x", size_of(1)));
    close(fds[1]);
    unix_pair(record, SOCK_STREAM, fds);
    close(fds[0]);
    CALL(record, write(fds[1], "x", size_of(1)));
    CALL(record, send(fds[1], "x", size_of(1), MSG_NOSIGNAL));
    close(fds[1]);
}

static void application_s_own_nonblocking(struct record *record)
{
    for (int kind = 0; kind < 2; kind++) {
        int fds[2];
        char bytes[16];
        if (kind)
            unix_pair(record, SOCK_STREAM, fds);
        else
            pipe_open(record, fds);
        set_nonblocking(record, fds[0]);
        set_nonblocking(record, fds[1]);
        CALL(record, read(fds[0], bytes, size_of(16)));
        CALL(record, readv(fds[0], &(struct iovec){bytes, 16}, 1));
        fill(record, fds[1]);
        CALL(record, write(fds[1], bytes, size_of(16)));
        CALL(record, writev(fds[1], &(struct iovec){bytes, 16}, 1));
        FACT(record, fcntl(fds[0], F_GETFL) & O_NONBLOCK);
        close_both(fds);
    }
}

static void blocking_stays_blocking(struct record *record)
{
    int fds[2];
    char bytes[16];
    tcp_pair(record, fds);
    CALL(record, write(fds[1], "abc", size_of(3)));
    CALL(record, read(fds[0], bytes, size_of(16)));
    FACT(record, fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    FACT(record, fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    close_both(fds);
    pipe_open(record, fds);
    read_late_from(record, fds);
}

/* More than fits: the whole is written, in one call. */
static void write_goes_on_until_all_is_written(struct record *record)
{
    size_t size = 3000000;
    char *bytes = malloc(size);
    pattern_fill(bytes, 0, size, 4);
    for (int kind = 0; kind < 3; kind++) {
        int fds[2];
        if (kind == 0)
            pipe_open(record, fds);
        else if (kind == 1)
            unix_pair(record, SOCK_STREAM, fds);
        else
            tcp_pair(record, fds);
        if (kind)
            set_small_room(record, fds);
        struct later later;
        later_begin(&later, record, drain, &fds[0]);
        CALL(record, write(fds[1], bytes, size));
        close(fds[1]);
        later_end(&later);
        close(fds[0]);
    }
    free(bytes);
}

static void write_waits_for_room(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    fill(record, fds[1]);
    struct later later;
    later_begin(&later, record, read_some, &fds[0]);
    CALL(record, write(fds[1], "0123456789", size_of(10)));
    later_end(&later);
    close_both(fds);
}

static void vectors(struct record *record)
{
    int fds[2];
    char first[4] = {0};
    char second[4] = {0};
    struct iovec out[] = {{"abc", 3}, {NULL, 0}, {"defgh", 5}};
    struct iovec in[] = {{first, 4}, {second, 4}};
    unix_pair(record, SOCK_STREAM, fds);
    CALL(record, writev(fds[1], out, 3));
    CALL(record, readv(fds[0], in, 2));
    record_bytes(record, "first", first, 4);
    record_bytes(record, "second", second, 4);
    CALL(record, writev(fds[1], out, 0));
    CALL(record, readv(fds[0], in, 0));
    CALL(record, writev(fds[1], out, (int)size_of((size_t)-1)));
    CALL(record, readv(fds[0], in, (int)size_of((size_t)-1)));
    CALL(record, writev(-1, out, 3));
    CALL(record, readv(-1, in, 2));
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, readv(fds[0], in, 2));
    later_end(&later);
    record_bytes(record, "first", first, 4);
    close_both(fds);
}

static void long_vectors(struct record *record)
{
    enum { PARTS = 100, SIZE = 20000 };
    char *bytes = malloc((size_t)PARTS * SIZE);
    struct iovec parts[PARTS];
    pattern_fill(bytes, 0, (size_t)PARTS * SIZE, 6);
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){bytes + i * SIZE, SIZE};
    int fds[2];
    pipe_open(record, fds);
    struct later later;
    later_begin(&later, record, drain, &fds[0]);
    CALL(record, writev(fds[1], parts, PARTS));
    close(fds[1]);
    later_end(&later);
    close(fds[0]);
    free(bytes);
}

static void counters_and_timers(struct record *record)
{
    uint64_t number = 0;
    int fd = eventfd(7, EFD_CLOEXEC);
    CALL(record, read(fd, &number, size_of(8)));
    FACT(record, number == 7);
    CALL(record, read(fd, &number, size_of(4)));
    CALL(record, write(fd, &number, size_of(8)));
    close(fd);
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec soon = {.it_value.tv_nsec = 20 * MS};
    struct stretch stretch = stretch_begin();
    NEED(record, timerfd_settime(fd, 0, &soon, NULL) == 0);
    CALL(record, read(fd, &number, size_of(8)));
    stretch_end(&stretch, record, 19 * MS);
    FACT(record, number == 1);
    close(fd);
}

static void terminals(struct record *record)
{
    char bytes[16] = {0};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    NEED(record, master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    NEED(record, slave >= 0);
    CALL(record, write(slave, "typed", size_of(5)));
    CALL(record, read(master, bytes, size_of(16)));
    record_bytes(record, "typed", bytes, sizeof bytes);
    struct later later;
    later_begin(&later, record, write_hello, &slave);
    CALL(record, read(master, bytes, size_of(16)));
    later_end(&later);
    record_bytes(record, "hello", bytes, sizeof bytes);
    close(slave);
    close(master);
}

/* --- sockets --- */

static void recv_waits(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    tcp_pair(record, fds);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    later_end(&later);
    record_bytes(record, "received", bytes, sizeof bytes);
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, recv(fds[0], bytes, size_of(3), MSG_PEEK));
    later_end(&later);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    record_bytes(record, "peeked", bytes, sizeof bytes);
    later_begin(&later, record, shut_it_down, &fds[1]);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    later_end(&later);
    close_both(fds);
}

static void recv_waits_for_all(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    tcp_pair(record, fds);
    struct slow_writer writer = {.fd = fds[1], .parts = 4};
    struct later later;
    later_begin(&later, record, write_parts, &writer);
    CALL(record, recv(fds[0], bytes, size_of(16), MSG_WAITALL));
    later_end(&later);
    record_bytes(record, "all", bytes, sizeof bytes);
    writer.parts = 2;
    later_begin(&later, record, write_parts, &writer);
    struct iovec parts[] = {{bytes, 3}, {bytes + 3, 5}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    CALL(record, recvmsg(fds[0], &message, MSG_WAITALL));
    later_end(&later);
    FACT(record, message.msg_iov == parts && message.msg_iovlen == 2 && parts[1].iov_len == 5);
    CALL(record, write(fds[1], "end", size_of(3)));
    later_begin(&later, record, shut_it_down, &fds[1]);
    CALL(record, recv(fds[0], bytes, size_of(16), MSG_WAITALL));
    later_end(&later);
    close_both(fds);
}

static void flags_that_do_not_wait(struct record *record)
{
    int fds[2];
    char bytes[4096] = {0};
    unix_pair(record, SOCK_STREAM, fds);
    struct msghdr message = {.msg_iov = &(struct iovec){bytes, 16}, .msg_iovlen = 1};
    CALL(record, recv(fds[0], bytes, size_of(16), MSG_DONTWAIT));
    CALL(record, recvfrom(fds[0], bytes, size_of(16), MSG_DONTWAIT, NULL, NULL));
    CALL(record, recvmsg(fds[0], &message, MSG_DONTWAIT));
    fill(record, fds[1]);
    CALL(record, send(fds[1], bytes, size_of(16), MSG_DONTWAIT));
    CALL(record, sendto(fds[1], bytes, size_of(16), MSG_DONTWAIT, NULL, 0));
    CALL(record, sendmsg(fds[1], &message, MSG_DONTWAIT));
    close_both(fds);
}

static void receive_timeouts(struct record *record)
{
    for (int kind = 0; kind < 3; kind++) {
        int fds[2];
        char bytes[16];
        if (kind == 0)
            tcp_pair(record, fds);
        else
            unix_pair(record, kind == 1 ? SOCK_STREAM : SOCK_DGRAM, fds);
        set_timeout(record, fds[0], SO_RCVTIMEO, 30);
        struct msghdr message = {.msg_iov = &(struct iovec){bytes, 16}, .msg_iovlen = 1};
        struct stretch stretch = stretch_begin();
        CALL(record, recv(fds[0], bytes, size_of(16), 0));
        stretch_end(&stretch, record, 28 * MS);
        stretch = stretch_begin();
        CALL(record, read(fds[0], bytes, size_of(16)));
        stretch_end(&stretch, record, 28 * MS);
        stretch = stretch_begin();
        CALL(record, recvmsg(fds[0], &message, 0));
        stretch_end(&stretch, record, 28 * MS);
        CALL(record, write(fds[1], "x", size_of(1)));
        CALL(record, recv(fds[0], bytes, size_of(16), 0));
        close_both(fds);
    }
}

static void send_timeouts(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    unix_pair(record, SOCK_STREAM, fds);
    set_timeout(record, fds[1], SO_SNDTIMEO, 30);
    fill(record, fds[1]);
    struct stretch stretch = stretch_begin();
    CALL(record, send(fds[1], bytes, size_of(16), 0));
    stretch_end(&stretch, record, 28 * MS);
    stretch = stretch_begin();
    CALL(record, write(fds[1], bytes, size_of(16)));
    stretch_end(&stretch, record, 28 * MS);
    close_both(fds);
}

static void accept_timeout(struct record *record)
{
    struct sockaddr_in address;
    int server = listener(record, &address);
    set_timeout(record, server, SO_RCVTIMEO, 30);
    struct stretch stretch = stretch_begin();
    CALL_FD(record, accept(server, NULL, NULL));
    stretch_end(&stretch, record, 28 * MS);
    close(server);
}

static void datagrams(struct record *record)
{
    struct sockaddr_in here;
    struct sockaddr_in there;
    struct sockaddr_in from = {0};
    socklen_t length = sizeof from;
    char bytes[16] = {0};
    int receiver = bound(record, SOCK_DGRAM, &here);
    int sender = bound(record, SOCK_DGRAM, &there);
    CALL(record, sendto(sender, "datagram", size_of(8), 0, plain(&here), sizeof here));
    CALL(record, recvfrom(receiver, bytes, size_of(16), 0, plain(&from), &length));
    FACT(record, length == sizeof from && from.sin_port == there.sin_port);
    record_bytes(record, "datagram", bytes, sizeof bytes);
    CALL(record, sendto(sender, "long datagram", size_of(13), 0, plain(&here), sizeof here));
    CALL(record, recvfrom(receiver, bytes, size_of(4), MSG_TRUNC, NULL, NULL));
    CALL(record, sendto(sender, bytes, size_of(0), 0, plain(&here), sizeof here));
    CALL(record, recvfrom(receiver, bytes, size_of(16), 0, plain(&from), &length));
    CALL(record, send(sender, bytes, size_of(16), 0));
    char *large = calloc(1, 100000);
    CALL(record, sendto(sender, large, size_of(100000), 0, plain(&here), sizeof here));
    free(large);
    CALL(record, connect(sender, plain(&here), sizeof here));
    CALL(record, send(sender, "two", size_of(3), 0));
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &(struct iovec){bytes, 2},
                             .msg_iovlen = 1};
    CALL(record, recvmsg(receiver, &message, 0));
    FACT(record, message.msg_flags & MSG_TRUNC);
    FACT(record, message.msg_namelen == sizeof from && from.sin_port == there.sin_port);
    struct later later;
    later_begin(&later, record, write_hello, &sender);
    length = sizeof from;
    CALL(record, recvfrom(receiver, bytes, size_of(16), 0, plain(&from), &length));
    later_end(&later);
    FACT(record, from.sin_port == there.sin_port);
    close(receiver);
    close(sender);
}

/* Sends a descriptor along with a byte that has to wait. */
static void descriptors_are_passed(struct record *record)
{
    int fds[2];
    int ends[2];
    char byte = 'd';
    unix_pair(record, SOCK_STREAM, fds);
    pipe_open(record, ends);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &(struct iovec){&byte, 1},
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &ends[0], sizeof(int));
    CALL(record, sendmsg(fds[1], &message, 0));
    FACT(record, message.msg_control == &control);
    memset(&control, 0, sizeof control);
    CALL(record, recvmsg(fds[0], &message, MSG_CMSG_CLOEXEC));
    int received = -1;
    if (CMSG_FIRSTHDR(&message))
        memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    CALL(record, write(ends[1], "through", size_of(7)));
    char bytes[16] = {0};
    CALL(record, read(received, bytes, size_of(16)));
    record_bytes(record, "through", bytes, sizeof bytes);
    close(received);
    close_both(fds);
    close_both(ends);
}

static void sends_go_on_until_all_is_sent(struct record *record)
{
    size_t size = 2000000;
    char *bytes = malloc(size);
    pattern_fill(bytes, 0, size, 8);
    for (int kind = 0; kind < 3; kind++) {
        int fds[2];
        tcp_pair(record, fds);
        set_small_room(record, fds);
        struct iovec parts[] = {{bytes, size / 2}, {bytes + size / 2, size / 2}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        struct later later;
        later_begin(&later, record, drain, &fds[0]);
        if (kind == 0)
            CALL(record, send(fds[1], bytes, size, 0));
        else if (kind == 1)
            CALL(record, sendto(fds[1], bytes, size, 0, NULL, 0));
        else
            CALL(record, sendmsg(fds[1], &message, 0));
        FACT(record, parts[0].iov_len == size / 2 && message.msg_iov == parts);
        close(fds[1]);
        later_end(&later);
        close(fds[0]);
    }
    free(bytes);
}

static void sockets_refuse(struct record *record)
{
    char bytes[16] = {0};
    int fds[2];
    struct msghdr message = {.msg_iov = &(struct iovec){bytes, 16}, .msg_iovlen = 1};
    pipe_open(record, fds);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    CALL(record, send(fds[1], bytes, size_of(16), 0));
    CALL(record, recvmsg(fds[0], &message, 0));
    CALL(record, sendmsg(fds[1], &message, 0));
    CALL(record, recv(-1, bytes, size_of(16), 0));
    CALL(record, send(-1, bytes, size_of(16), 0));
    CALL(record, recvmsg(-1, &message, 0));
    CALL(record, sendmsg(-1, &message, 0));
    CALL(record, recvfrom(9999, bytes, size_of(16), 0, NULL, NULL));
    CALL(record, sendto(9999, bytes, size_of(16), 0, NULL, 0));
    close_both(fds);
    int unconnected = tcp_socket(record);
    CALL(record, recv(unconnected, bytes, size_of(16), 0));
    CALL(record, send(unconnected, bytes, size_of(16), MSG_NOSIGNAL));
    close(unconnected);
}

static void zero_lengths(struct record *record)
{
    int fds[2];
    char bytes[1];
    tcp_pair(record, fds);
    CALL(record, send(fds[1], bytes, size_of(0), 0));
    CALL(record, write(fds[1], bytes, size_of(0)));
    CALL(record, read(fds[0], bytes, size_of(0)));
    CALL(record, recv(fds[0], bytes, size_of(0), MSG_DONTWAIT));
    close_both(fds);
    unix_pair(record, SOCK_DGRAM, fds);
    CALL(record, send(fds[1], bytes, size_of(0), 0));
    CALL(record, recv(fds[0], bytes, size_of(0), 0));
    CALL(record, write(fds[1], "x", size_of(1)));
    CALL(record, recv(fds[0], bytes, size_of(0), MSG_TRUNC));
    close_both(fds);
    pipe_open(record, fds);
    CALL(record, read(fds[0], bytes, size_of(0)));
    CALL(record, write(fds[1], bytes, size_of(0)));
    close_both(fds);
}

static void resets(struct record *record)
{
    int fds[2];
    char bytes[16];
    tcp_pair(record, fds);
    struct linger now = {.l_onoff = 1};
    NEED(record, setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    struct later later;
    later_begin(&later, record, close_it, &fds[1]);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    later_end(&later);
    CALL(record, recv(fds[0], bytes, size_of(16), 0));
    CALL(record, send(fds[0], bytes, size_of(16), MSG_NOSIGNAL));
    close(fds[0]);
}

/* --- connecting --- */

static void connect_and_accept(struct record *record)
{
    struct sockaddr_in address;
    struct sockaddr_in peer = {0};
    struct sockaddr_in own = {0};
    socklen_t length = sizeof peer;
    socklen_t own_length = sizeof own;
    int server = listener(record, &address);
    int client = tcp_socket(record);
    CALL(record, connect(client, plain(&address), sizeof address));
    FACT(record, fcntl(client, F_GETFL) & O_NONBLOCK);
    int accepted = CALL_FD(record, accept(server, plain(&peer), &length));
    NEED(record, getsockname(client, plain(&own), &own_length) == 0);
    FACT(record, length == sizeof peer && peer.sin_port == own.sin_port);
    FACT(record, fcntl(accepted, F_GETFL) & O_NONBLOCK);
    FACT(record, fcntl(accepted, F_GETFD) & FD_CLOEXEC);
    CALL(record, connect(client, plain(&address), sizeof address));
    close(accepted);
    close(client);
    client = tcp_socket(record);
    CALL(record, connect(client, plain(&address), sizeof address));
    accepted = CALL_FD(record, accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    FACT(record, fcntl(accepted, F_GETFL) & O_NONBLOCK);
    FACT(record, fcntl(accepted, F_GETFD) & FD_CLOEXEC);
    CALL_FD(record, accept4(server, NULL, NULL, 0x40000));
    close(accepted);
    close(client);
    close(server);
}

static void accept_waits(struct record *record)
{
    struct caller caller;
    int server = listener(record, &caller.address);
    struct later later;
    later_begin(&later, record, connect_to, &caller);
    int accepted = CALL_FD(record, accept(server, NULL, NULL));
    later_end(&later);
    close(accepted);
    close(caller.fd);
    later_begin(&later, record, connect_to, &caller);
    accepted = CALL_FD(record, accept4(server, NULL, NULL, SOCK_CLOEXEC));
    later_end(&later);
    close(accepted);
    close(caller.fd);
    close(server);
}

static void connect_is_refused(struct record *record)
{
    struct sockaddr_in address;
    close(listener(record, &address));
    int client = tcp_socket(record);
    CALL(record, connect(client, plain(&address), sizeof address));
    FACT(record, fcntl(client, F_GETFL) & O_NONBLOCK);
    close(client);
    struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CALL(record, connect(client, (struct sockaddr *)&nowhere, sizeof nowhere));
    close(client);
}

static void connect_and_accept_refuse(struct record *record)
{
    struct sockaddr_in address;
    int fds[2];
    int server = listener(record, &address);
    CALL(record, connect(-1, plain(&address), sizeof address));
    CALL_FD(record, accept(-1, NULL, NULL));
    CALL_FD(record, accept4(9999, NULL, NULL, 0));
    int client = tcp_socket(record);
    CALL(record, connect(client, plain(&address), 1));
    close(client);
    pipe_open(record, fds);
    CALL(record, connect(fds[0], plain(&address), sizeof address));
    CALL_FD(record, accept(fds[0], NULL, NULL));
    close_both(fds);
    set_nonblocking(record, server);
    CALL_FD(record, accept(server, NULL, NULL));
    CALL_FD(record, accept4(server, NULL, NULL, 0));
    close(server);
}

/* What is no listener refuses at once: it never has anything to accept. */
static void accept_needs_a_listener(struct record *record)
{
    int fds[2];
    struct sockaddr_in address;
    int unbound = tcp_socket(record);
    CALL_FD(record, accept(unbound, NULL, NULL));
    close(unbound);
    int datagram = bound(record, SOCK_DGRAM, &address);
    CALL_FD(record, accept(datagram, NULL, NULL));
    close(datagram);
    tcp_pair(record, fds);
    CALL_FD(record, accept(fds[0], NULL, NULL));
    close_both(fds);
    unix_pair(record, SOCK_STREAM, fds);
    CALL_FD(record, accept4(fds[0], NULL, NULL, 0));
    close_both(fds);
    unix_pair(record, SOCK_DGRAM, fds);
    CALL_FD(record, accept4(fds[0], NULL, NULL, 0));
    close_both(fds);
}

static void nonblocking_connect(struct record *record)
{
    struct sockaddr_in address;
    int server = listener(record, &address);
    int client = tcp_socket(record);
    set_nonblocking(record, client);
    CALL(record, connect(client, plain(&address), sizeof address));
    struct pollfd wanted = {.fd = client, .events = POLLOUT};
    CALL(record, poll(&wanted, 1, 1000));
    FACT(record, wanted.revents == POLLOUT);
    FACT(record, fcntl(client, F_GETFL) & O_NONBLOCK);
    close(client);
    close(server);
}

static void *unix_listener(struct record *record, struct sockaddr_un *address, int *ret_fd)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(record, bind(*ret_fd, (struct sockaddr *)address, sizeof(sa_family_t)) == 0);
    socklen_t length = sizeof *address;
    NEED(record, getsockname(*ret_fd, (struct sockaddr *)address, &length) == 0);
    NEED(record, listen(*ret_fd, 0) == 0);
    return address;
}

static void accept_one(void *argument)
{
    int fd = accept4(*(int *)argument, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        abort();
    close(fd);
}

/* A UNIX listener without room makes a connect wait. */
static void unix_connect_waits_for_room(struct record *record)
{
    struct sockaddr_un address;
    int server;
    unix_listener(record, &address, &server);
    socklen_t length = sizeof(sa_family_t) + 6; /* an autobound name: a zero and five digits */
    int clients[2];
    for (int i = 0; i < 2; i++)
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CALL(record, connect(clients[0], (struct sockaddr *)&address, length));
    struct later later;
    later_begin(&later, record, accept_one, &server);
    CALL(record, connect(clients[1], (struct sockaddr *)&address, length));
    later_end(&later);
    close_both(clients);
    close(server);
}

/* --- poll and select --- */

static void poll_of_what_is_ready(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    struct pollfd wanted[] = {{.fd = fds[0], .events = POLLIN | POLLOUT},
                              {.fd = -1, .events = POLLIN},
                              {.fd = fds[0], .events = POLLIN},
                              {.fd = 9999, .events = POLLIN}};
    nfds_t count = size_of(3);
    CALL(record, poll(wanted, count, 0));
    record_bytes(record, "ready", wanted, 0);
    FACT(record, wanted[0].revents == POLLOUT && !wanted[1].revents && !wanted[2].revents);
    CALL(record, write(fds[1], "x", size_of(1)));
    CALL(record, poll(wanted, count, -1));
    FACT(record, wanted[0].revents == (POLLIN | POLLOUT) && wanted[2].revents == POLLIN);
    CALL(record, poll(wanted, size_of(4), 1000));
    FACT(record, wanted[3].revents == POLLNVAL);
    CALL(record, poll(&wanted[3], size_of(1), -1));
    close(fds[1]);
    CALL(record, poll(wanted, count, 1000));
    FACT(record, wanted[0].revents & POLLHUP);
    close(fds[0]);
}

static void poll_waits(struct record *record)
{
    int fds[2];
    tcp_pair(record, fds);
    struct pollfd wanted[] = {{.fd = fds[0], .events = POLLIN}, {.fd = -1}};
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, poll(wanted, size_of(2), -1));
    later_end(&later);
    FACT(record, wanted[0].revents == POLLIN);
    char bytes[16];
    CALL(record, read(fds[0], bytes, size_of(16)));
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, ppoll(wanted, size_of(2), NULL, NULL));
    later_end(&later);
    CALL(record, read(fds[0], bytes, size_of(16)));
    later_begin(&later, record, close_it, &fds[1]);
    CALL(record, poll(wanted, size_of(1), -7));
    later_end(&later);
    FACT(record, wanted[0].revents & POLLIN);
    close(fds[0]);
}

static void poll_waits_for_a_hang_up(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    struct pollfd wanted = {.fd = fds[0], .events = 0};
    struct later later;
    later_begin(&later, record, close_it, &fds[1]);
    CALL(record, poll(&wanted, size_of(1), -1));
    later_end(&later);
    FACT(record, wanted.revents == POLLHUP);
    close(fds[0]);
    pipe_open(record, fds);
    fill(record, fds[1]);
    wanted = (struct pollfd){.fd = fds[1], .events = POLLOUT};
    later_begin(&later, record, close_it, &fds[0]);
    CALL(record, poll(&wanted, size_of(1), -1));
    later_end(&later);
    FACT(record, wanted.revents & POLLERR);
    close(fds[1]);
}

static void poll_times_out(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    struct pollfd wanted = {.fd = fds[0], .events = POLLIN, .revents = 77};
    struct stretch stretch = stretch_begin();
    CALL(record, poll(&wanted, size_of(1), 20));
    stretch_end(&stretch, record, 20 * MS);
    FACT(record, wanted.revents == 0);
    stretch = stretch_begin();
    CALL(record, poll(NULL, size_of(0), 20));
    stretch_end(&stretch, record, 20 * MS);
    stretch = stretch_begin();
    CALL(record, ppoll(&wanted, size_of(1), &(struct timespec){.tv_nsec = 20 * MS}, NULL));
    stretch_end(&stretch, record, 20 * MS);
    CALL(record, poll(NULL, size_of(0), 0));
    CALL(record, poll(&wanted, size_of(1), 0));
    CALL(record, ppoll(&wanted, size_of(1), &(struct timespec){.tv_nsec = -1}, NULL));
    CALL(record, ppoll(&wanted, size_of(1), &(struct timespec){.tv_sec = -1}, NULL));
    CALL(record, ppoll(&wanted, size_of(1), &(struct timespec){.tv_nsec = 1000 * MS}, NULL));
    close_both(fds);
}

static void poll_of_files(struct record *record)
{
    int fds[2];
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    pipe_open(record, fds);
    struct pollfd wanted[] = {{.fd = file, .events = POLLIN}, {.fd = fds[0], .events = POLLIN}};
    CALL(record, poll(wanted, size_of(2), -1));
    FACT(record, wanted[0].revents == POLLIN && !wanted[1].revents);
    wanted[0].events = 0;
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, poll(wanted, size_of(2), -1));
    later_end(&later);
    FACT(record, !wanted[0].revents && wanted[1].revents == POLLIN);
    close(file);
    close_both(fds);
}

static void poll_of_many(struct record *record)
{
    enum { PAIRS = 50 };
    int fds[PAIRS][2];
    struct pollfd wanted[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        unix_pair(record, SOCK_STREAM, fds[i]);
        wanted[i] = (struct pollfd){.fd = fds[i][0], .events = POLLIN};
    }
    struct later later;
    later_begin(&later, record, write_hello, &fds[PAIRS - 2][1]);
    CALL(record, poll(wanted, size_of(PAIRS), 10000));
    later_end(&later);
    for (int i = 0; i < PAIRS; i++) {
        if (wanted[i].revents)
            CALL(record, (i << 16) + wanted[i].revents);
        close_both(fds[i]);
    }
}

static void select_of_what_is_ready(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    int count = (fds[0] > fds[1] ? fds[0] : fds[1]) + 1;
    fd_set reads, writes, exceptions;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&exceptions);
    FD_SET(fds[0], &reads);
    FD_SET(fds[0], &writes);
    FD_SET(fds[0], &exceptions);
    struct timeval none = {0};
    CALL(record, select(count, &reads, &writes, &exceptions, &none));
    FACT(record, FD_ISSET(fds[0], &reads));
    FACT(record, FD_ISSET(fds[0], &writes));
    FACT(record, FD_ISSET(fds[0], &exceptions));
    CALL(record, write(fds[1], "x", size_of(1)));
    FD_SET(fds[0], &reads);
    CALL(record, select(count, &reads, NULL, NULL, NULL));
    FACT(record, FD_ISSET(fds[0], &reads));
    close_both(fds);
    FD_ZERO(&reads);
    FD_SET(900, &reads);
    CALL(record, select(901, &reads, NULL, NULL, &none));
    CALL(record, select(-1, NULL, NULL, NULL, &none));
    CALL(record, select(0, NULL, NULL, NULL, &(struct timeval){.tv_sec = -1}));
}

static void select_waits(struct record *record)
{
    int fds[2];
    tcp_pair(record, fds);
    fd_set reads;
    fd_set exceptions;
    FD_ZERO(&reads);
    FD_ZERO(&exceptions);
    FD_SET(fds[0], &reads);
    FD_SET(fds[0], &exceptions);
    struct timeval long_time = {.tv_sec = 30};
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, select(fds[0] + 1, &reads, NULL, &exceptions, &long_time));
    later_end(&later);
    FACT(record, FD_ISSET(fds[0], &reads));
    FACT(record, FD_ISSET(fds[0], &exceptions));
    FACT(record, long_time.tv_sec < 30);
    close_both(fds);
}

static void send_urgently(void *argument)
{
    if (send(*(int *)argument, "!", 1, MSG_OOB) != 1)
        abort();
}

static void select_waits_for_exceptions(struct record *record)
{
    int fds[2];
    tcp_pair(record, fds);
    fd_set exceptions;
    FD_ZERO(&exceptions);
    FD_SET(fds[0], &exceptions);
    struct later later;
    later_begin(&later, record, send_urgently, &fds[1]);
    CALL(record, select(fds[0] + 1, NULL, NULL, &exceptions, NULL));
    later_end(&later);
    FACT(record, FD_ISSET(fds[0], &exceptions));
    char byte = 0;
    CALL(record, recv(fds[0], &byte, size_of(1), MSG_OOB));
    CALL(record, byte);
    close_both(fds);
}

static void select_times_out(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(fds[0], &reads);
    struct timeval length = {.tv_usec = 20000};
    struct stretch stretch = stretch_begin();
    CALL(record, select(fds[0] + 1, &reads, NULL, NULL, &length));
    stretch_end(&stretch, record, 20 * MS);
    FACT(record, FD_ISSET(fds[0], &reads));
    FACT(record, length.tv_sec == 0 && length.tv_usec == 0);
    length = (struct timeval){.tv_usec = 20000};
    stretch = stretch_begin();
    CALL(record, select(0, NULL, NULL, NULL, &length));
    stretch_end(&stretch, record, 20 * MS);
    close_both(fds);
}

/* --- sleeping --- */

static void sleeps(struct record *record)
{
    struct timespec rest = {.tv_sec = 77};
    struct stretch stretch = stretch_begin();
    CALL(record, nanosleep(&(struct timespec){.tv_nsec = 10 * MS}, &rest));
    stretch_end(&stretch, record, 10 * MS);
    FACT(record, rest.tv_sec == 77);
    stretch = stretch_begin();
    CALL(record, usleep(10000));
    stretch_end(&stretch, record, 10 * MS);
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        stretch = stretch_begin();
        CALL(record, clock_nanosleep(clocks[i], 0, &(struct timespec){.tv_nsec = 10 * MS}, NULL));
        stretch_end(&stretch, record, 10 * MS);
        struct timespec until;
        clock_gettime(clocks[i], &until);
        until.tv_nsec += 10 * MS;
        if (until.tv_nsec >= 1000 * MS) {
            until.tv_nsec -= 1000 * MS;
            until.tv_sec++;
        }
        stretch = stretch_begin();
        CALL(record, clock_nanosleep(clocks[i], TIMER_ABSTIME, &until, NULL));
        stretch_end(&stretch, record, 9 * MS);
    }
    stretch = stretch_begin();
    CALL(record, sleep(1));
    stretch_end(&stretch, record, 1000 * MS);
}

static void sleeps_of_no_length(struct record *record)
{
    CALL(record, sleep(0));
    CALL(record, usleep(0));
    CALL(record, nanosleep(&(struct timespec){0}, NULL));
    CALL(record, clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0}, NULL));
    CALL(record, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
}

static void sleeps_refuse(struct record *record)
{
    CALL(record, nanosleep(&(struct timespec){.tv_nsec = -1}, NULL));
    CALL(record, nanosleep(&(struct timespec){.tv_nsec = 1000 * MS}, NULL));
    CALL(record, nanosleep(&(struct timespec){.tv_sec = -1}, NULL));
    CALL(record, clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = -1}, NULL));
    CALL(record, clock_nanosleep(12345, 0, &(struct timespec){0}, NULL));
    CALL(record, clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0}, NULL));
}

/* --- names --- */

/* Looks a name up, and records what was found. */
static void look_up(struct record *record, const char *node, const char *service,
                    const struct addrinfo *hints)
{
    struct addrinfo *found = NULL;
    int error = getaddrinfo(node, service, hints, &found);
    record_call(record, "getaddrinfo", error ? 1000 - error : 0);
    if (error)
        return;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        CALL(record, at->ai_family);
        CALL(record, at->ai_socktype);
        record_bytes(record, "address", at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
}

static void names(struct record *record)
{
    struct addrinfo numeric = {.ai_family = AF_INET,
                               .ai_socktype = SOCK_STREAM,
                               .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo local = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    look_up(record, "127.0.0.1", "80", &numeric);
    look_up(record, "localhost", "443", &local);
    look_up(record, "not a number", "80", &numeric);
    look_up(record, "127.0.0.1", "no such service", &local);
    look_up(record, NULL, NULL, &local);
    look_up(record, NULL, "8080", &local);
}

/* --- closing --- */

static void close_refuses(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    CALL(record, close(fds[0]));
    CALL(record, close(fds[0]));
    CALL(record, close(-1));
    CALL(record, close(9999));
    close(fds[1]);
}

/* The number of a descriptor that was waited for and closed is taken again at once. */
static void numbers_are_reused(struct record *record)
{
    char bytes[16] = {0};
    for (int i = 0; i < 20; i++) {
        int fds[2];
        unix_pair(record, SOCK_STREAM, fds);
        struct later later;
        later_begin(&later, record, write_hello, &fds[1]);
        CALL(record, read(fds[0], bytes, size_of(16)));
        later_end(&later);
        close(fds[0]);
        int again[2];
        if (i % 2)
            pipe_open(record, again);
        else
            tcp_pair(record, again);
        FACT(record, again[0] == fds[0] || again[1] == fds[0] || i % 2 == 0);
        struct pollfd wanted = {.fd = again[0], .events = POLLIN};
        CALL(record, poll(&wanted, size_of(1), 0));
        later_begin(&later, record, write_hello, &again[1]);
        CALL(record, read(again[0], bytes, size_of(16)));
        later_end(&later);
        close_both(again);
        close(fds[1]);
    }
}

/* Duplicates share what is waited for, and outlive each other. */
static void duplicates(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    unix_pair(record, SOCK_STREAM, fds);
    int twin = dup(fds[0]);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, read(fds[0], bytes, size_of(16)));
    later_end(&later);
    close(fds[0]);
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, read(twin, bytes, size_of(16)));
    later_end(&later);
    int third = dup(twin);
    close(twin);
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, read(third, bytes, size_of(16)));
    later_end(&later);
    close(third);
    close(fds[1]);
}

/* --- several messages --- */

static void message_init(struct mmsghdr *message, struct iovec *part, char *bytes, size_t size)
{
    *part = (struct iovec){.iov_base = bytes, .iov_len = size};
    *message = (struct mmsghdr){.msg_hdr = {.msg_iov = part, .msg_iovlen = 1}};
}

static void write_three(void *argument)
{
    const int *fd = argument;
    for (int i = 0; i < 3; i++)
        (void)!send(*fd, "hello", 5, 0);
}

static void many_messages(struct record *record)
{
    int fds[2];
    char bytes[4][16];
    struct iovec parts[4];
    struct mmsghdr messages[4];
    unix_pair(record, SOCK_DGRAM, fds);
    for (int i = 0; i < 4; i++)
        message_init(&messages[i], &parts[i], bytes[i], sizeof bytes[i]);
    CALL(record, recvmmsg(fds[0], messages, 4, MSG_DONTWAIT, NULL));
    struct later later;
    later_begin(&later, record, write_three, &fds[1]);
    CALL(record, recvmmsg(fds[0], messages, 3, 0, NULL));
    later_end(&later);
    FACT(record, messages[0].msg_len == 5 && messages[2].msg_len == 5);
    later_begin(&later, record, write_three, &fds[1]);
    FACT(record, recvmmsg(fds[0], messages, 4, MSG_WAITFORONE, NULL) >= 1);
    later_end(&later);
    close(fds[0]);
    close(fds[1]);
    tcp_pair(record, fds);
    CALL(record, sendmmsg(fds[1], messages, 0, 0));
    for (int i = 0; i < 4; i++) {
        message_init(&messages[i], &parts[i], bytes[i], 4);
        memset(bytes[i], 'a' + i, 4);
    }
    CALL(record, sendmmsg(fds[1], messages, 4, 0));
    FACT(record, messages[3].msg_len == 4);
    char all[16];
    CALL(record, recv(fds[0], all, size_of(16), MSG_WAITALL));
    record_bytes(record, "all", all, sizeof all);
    close(fds[0]);
    close(fds[1]);
    CALL(record, sendmmsg(-1, messages, 2, 0));
    CALL(record, recvmmsg(-1, messages, 2, 0, NULL));
}

/* --- epoll --- */

static void epoll_waits(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 77};
    NEED(record, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[0], &event) == 0);
    struct epoll_event seen[4];
    CALL(record, epoll_wait(epoll_fd, seen, 4, 0));
    struct stretch stretch = stretch_begin();
    CALL(record, epoll_wait(epoll_fd, seen, 4, 20));
    stretch_end(&stretch, record, 20000000);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, epoll_wait(epoll_fd, seen, 4, -1));
    later_end(&later);
    FACT(record, seen[0].events == EPOLLIN && seen[0].data.u32 == 77);
    char bytes[16];
    CALL(record, read(fds[0], bytes, size_of(16)));
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, epoll_pwait(epoll_fd, seen, 4, 10000, NULL));
    later_end(&later);
    CALL(record, epoll_wait(epoll_fd, seen, 0, 10));
    close(epoll_fd);
    CALL(record, epoll_wait(fds[0], seen, 4, 10));
    CALL(record, epoll_wait(-1, seen, 4, 10));
    close(fds[0]);
    close(fds[1]);
}

static void pselect_waits(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(fds[0], &reads);
    struct timespec length = {.tv_nsec = 20000000};
    struct stretch stretch = stretch_begin();
    CALL(record, pselect(fds[0] + 1, &reads, NULL, NULL, &length, NULL));
    stretch_end(&stretch, record, 20000000);
    FACT(record, length.tv_nsec == 20000000);
    FACT(record, FD_ISSET(fds[0], &reads));
    FD_SET(fds[0], &reads);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, pselect(fds[0] + 1, &reads, NULL, NULL, NULL, NULL));
    later_end(&later);
    FACT(record, FD_ISSET(fds[0], &reads));
    length.tv_nsec = -1;
    CALL(record, pselect(0, NULL, NULL, NULL, &length, NULL));
    CALL(record, pselect(-1, NULL, NULL, NULL, NULL, NULL));
    close(fds[0]);
    close(fds[1]);
}

/* --- children and threads --- */

/* A child that exits with `code` once a byte comes, or the end. */
static pid_t child_that_awaits(struct record *record, int fds[2], int code)
{
    pipe_open(record, fds);
    pid_t child = fork();
    NEED(record, child >= 0);
    if (!child) {
        char byte;
        close(fds[1]);
        (void)!read(fds[0], &byte, 1);
        _exit(code);
    }
    return child;
}

static void children_are_waited_for(struct record *record)
{
    int fds[2];
    int status = 0;
    struct later later;
    pid_t child = child_that_awaits(record, fds, 7);
    CALL(record, waitpid(child, &status, WNOHANG));
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, waitpid(child, &status, 0) == child);
    later_end(&later);
    FACT(record, WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CALL(record, waitpid(child, &status, 0));
    close_both(fds);

    struct rusage usage = {0};
    child = child_that_awaits(record, fds, 8);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, wait4(child, &status, 0, &usage) == child);
    later_end(&later);
    FACT(record, WEXITSTATUS(status) == 8 && usage.ru_maxrss > 0);
    close_both(fds);

    child = child_that_awaits(record, fds, 9);
    siginfo_t info = {0};
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, waitid(P_PID, (id_t)child, &info, WEXITED));
    later_end(&later);
    FACT(record, info.si_pid == child && info.si_status == 9);
    close_both(fds);
}

static void any_child_is_waited_for(struct record *record)
{
    int fds[2];
    int status = 0;
    struct later later;
    pid_t child = child_that_awaits(record, fds, 3);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, wait(&status) == child);
    later_end(&later);
    FACT(record, WEXITSTATUS(status) == 3);
    close_both(fds);
    child = child_that_awaits(record, fds, 4);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, waitpid(0, &status, 0) == child);
    later_end(&later);
    close_both(fds);
    CALL(record, wait(&status));
    CALL(record, waitid(P_ALL, 0, NULL, WEXITED));
    CALL(record, waitid(P_ALL, 0, NULL, 0));
    CALL(record, waitpid(-1, &status, 0x40000));
}

static void commands_run(struct record *record)
{
    struct stretch stretch = stretch_begin();
    CALL(record, WEXITSTATUS(system("sleep 0.05; exit 5")));
    stretch_end(&stretch, record, 50000000);
    CALL(record, system(NULL) != 0);
    FILE *stream = popen("sleep 0.05; exit 6", "r");
    NEED(record, stream);
    stretch = stretch_begin();
    CALL(record, WEXITSTATUS(pclose(stream)));
    stretch_end(&stretch, record, 30000000);
}

#ifndef __SANITIZE_THREAD__
static void *await_byte(void *argument)
{
    const int *fds = argument;
    char byte;
    (void)!read(fds[0], &byte, 1);
    return argument;
}

static void threads_are_joined(struct record *record)
{
    int fds[2];
    pthread_t thread;
    void *value = NULL;
    pipe_open(record, fds);
    NEED(record, pthread_create(&thread, NULL, await_byte, fds) == 0);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, pthread_join(thread, &value));
    later_end(&later);
    FACT(record, value == fds);
    CALL(record, pthread_join(pthread_self(), NULL));
    close_both(fds);
}

#endif

/* --- the older look-ups --- */

static void hosts_are_found(struct record *record)
{
    const struct hostent *host = gethostbyname("127.0.0.1");
    NEED(record, host);
    FACT(record, host->h_addrtype == AF_INET && host->h_length == 4);
    host = gethostbyname2("localhost", AF_INET);
    FACT(record, host != NULL);
    struct hostent entry;
    struct hostent *found = NULL;
    char buffer[2048];
    int error = 0;
    CALL(record, gethostbyname_r("127.0.0.1", &entry, buffer, sizeof buffer, &found, &error));
    FACT(record, found == &entry);
    CALL(record, gethostbyname_r("127.0.0.1", &entry, buffer, 2, &found, &error));
    CALL(record,
         gethostbyname2_r("127.0.0.1", AF_INET, &entry, buffer, sizeof buffer, &found, &error));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char node[64];
    CALL(record, getnameinfo((struct sockaddr *)&address, sizeof address, node, sizeof node, NULL,
                             0, NI_NUMERICHOST));
    FACT(record, !strcmp(node, "127.0.0.1"));
    CALL(record, getnameinfo((struct sockaddr *)&address, 1, node, sizeof node, NULL, 0, 0));
}

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES[] = {
    CASE(read_what_is_there),
    CASE(read_waits_for_a_pipe),
    CASE(read_waits_for_a_unix_socket),
    CASE(read_waits_for_a_datagram),
    CASE(read_waits_for_tcp),
    CASE(read_waits_for_the_end),
    CASE(read_of_files),
    CASE(read_and_write_refuse),
    CASE(write_to_a_closed_end),
    CASE(application_s_own_nonblocking),
    CASE(blocking_stays_blocking),
    CASE(write_goes_on_until_all_is_written),
    CASE(write_waits_for_room),
    CASE(vectors),
    CASE(long_vectors),
    CASE(counters_and_timers),
    CASE(terminals),
    CASE(recv_waits),
    CASE(recv_waits_for_all),
    CASE(flags_that_do_not_wait),
    CASE(receive_timeouts),
    CASE(send_timeouts),
    CASE(accept_timeout),
    CASE(datagrams),
    CASE(descriptors_are_passed),
    CASE(sends_go_on_until_all_is_sent),
    CASE(sockets_refuse),
    CASE(zero_lengths),
    CASE(resets),
    CASE(connect_and_accept),
    CASE(accept_waits),
    CASE(connect_is_refused),
    CASE(connect_and_accept_refuse),
    CASE(accept_needs_a_listener),
    CASE(nonblocking_connect),
    CASE(unix_connect_waits_for_room),
    CASE(poll_of_what_is_ready),
    CASE(poll_waits),
    CASE(poll_waits_for_a_hang_up),
    CASE(poll_times_out),
    CASE(poll_of_files),
    CASE(poll_of_many),
    CASE(many_messages),
    CASE(epoll_waits),
    CASE(pselect_waits),
    CASE(children_are_waited_for),
    CASE(any_child_is_waited_for),
    CASE(commands_run),
#ifndef __SANITIZE_THREAD__ /* under which a join blocks: lib/hooks/thread.c */
    CASE(threads_are_joined),
#endif
    CASE(hosts_are_found),
    CASE(select_of_what_is_ready),
    CASE(select_waits),
    CASE(select_waits_for_exceptions),
    CASE(select_times_out),
    CASE(sleeps),
    CASE(sleeps_of_no_length),
    CASE(sleeps_refuse),
    CASE(names),
    CASE(close_refuses),
    CASE(numbers_are_reused),
    CASE(duplicates),
    {0},
};
