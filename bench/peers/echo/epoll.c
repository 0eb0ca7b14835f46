/* epoll by hand: an echo server. Prints its port. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int epoll_fd;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
        exit(3);
}

static int listen_here(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        exit(3);
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void take(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(fd);
}

static void echo(int fd)
{
    char data[4096];
    ssize_t size = recv(fd, data, sizeof data, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0 || send(fd, data, (size_t)size, MSG_NOSIGNAL) != size)
        close(fd);
}

int main(void)
{
    epoll_fd = epoll_create1(0);
    int listener = listen_here();
    watch(listener);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                take(listener);
            else
                echo(events[i].data.fd);
        }
    }
}
