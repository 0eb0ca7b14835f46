/*
 * Waiting for descriptors, and for time. Compiled twice, under the name CASES_WAITS: plainly, and
 * with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
        stretch = stretch_begin();
        clock_gettime(clocks[i], &until);
        until.tv_nsec += 10 * MS;
        if (until.tv_nsec >= 1000 * MS) {
            until.tv_nsec -= 1000 * MS;
            until.tv_sec++;
        }
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

const struct hook_case CASES_WAITS[] = {
    CASE(poll_of_what_is_ready),
    CASE(poll_waits),
    CASE(poll_waits_for_a_hang_up),
    CASE(poll_times_out),
    CASE(poll_of_files),
    CASE(poll_of_many),
    CASE(epoll_waits),
    CASE(pselect_waits),
    CASE(select_of_what_is_ready),
    CASE(select_waits),
    CASE(select_waits_for_exceptions),
    CASE(select_times_out),
    CASE(sleeps),
    CASE(sleeps_of_no_length),
    CASE(sleeps_refuse),
    {0},
};
