/*
 * Sockets, and connecting them. Compiled twice, under the name CASES_SOCKETS: plainly, and with -O2
 * -D_FORTIFY_SOURCE=3.
 */
#include "../support/pattern.h"
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Takes what comes until the other end is closed. */
static void take_all(void *argument)
{
    char bytes[4096];
    while (read(*(int *)argument, bytes, sizeof bytes) > 0)
        ;
}

static void closing_lingers(struct record *record)
{
    static const char bytes[65536];
    int fds[2];
    struct linger linger = {.l_onoff = 1, .l_linger = 60};
    struct later later;
    tcp_pair(record, fds);
    set_small_room(record, fds);
    NEED(record, setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    while (send(fds[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    later_begin(&later, record, take_all, &fds[0]);
    CALL(record, close(fds[1]));
    later_end(&later);
    CALL(record, close(fds[1]));
    close(fds[0]);
}

const struct hook_case CASES_SOCKETS[] = {
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
    CASE(many_messages),
    CASE(closing_lingers),
    {0},
};
