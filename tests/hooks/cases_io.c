/*
 * Reading and writing, and closing. Compiled twice, under the name CASES_IO: plainly, and with -O2
 * -D_FORTIFY_SOURCE=3.
 */
#include "../support/pattern.h"
#include "../support/scratch.h"
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

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
    char name[SCRATCH_BYTES];
    int fd = scratch_file(name, ANYWHERE);
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

static void count_up(void *argument)
{
    if (eventfd_write(*(int *)argument, 3))
        abort();
}

static void counters_and_timers(struct record *record)
{
    uint64_t number = 0;
    int fd = eventfd(7, EFD_CLOEXEC);
    CALL(record, read(fd, &number, size_of(8)));
    FACT(record, number == 7);
    CALL(record, read(fd, &number, size_of(4)));
    CALL(record, write(fd, &number, size_of(8)));
    CALL(record, eventfd_read(fd, &number));
    FACT(record, number == 7);
    struct later later;
    later_begin(&later, record, count_up, &fd);
    CALL(record, eventfd_read(fd, &number));
    later_end(&later);
    FACT(record, number == 3);
    close(fd);
    CALL(record, eventfd_read(fd, &number));
    CALL(record, eventfd_write(fd, 1));
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
    CALL(record, tcdrain(slave));
    close(slave);
    CALL(record, tcdrain(slave));
    close(master);
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

const struct hook_case CASES_IO[] = {
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
    CASE(close_refuses),
    CASE(numbers_are_reused),
    CASE(duplicates),
    {0},
};
