/*
 * What cases work on, and what others do meanwhile. Each file of cases is compiled twice, and so
 * has these to itself.
 */
#ifndef TESTS_HOOKS_PLACES_H
#define TESTS_HOOKS_PLACES_H

#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Not every file uses all of them. */
#pragma GCC diagnostic ignored "-Wunused-function"

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

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

#endif
