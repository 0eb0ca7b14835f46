/* The slow server: answers each request when its time has come. A process of its own. */
#define _GNU_SOURCE
#include "slow_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <overlap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define US OVL_MICROSECOND

struct answer {
    ovl_time at;
    int fd;
};

static struct {
    struct answer answers[70000];
    size_t count;
    ovl_time free_at[64];
} server;

/* The earliest last, so that it is taken from the end. */
static void answer_later(int fd, struct request request)
{
    ovl_time begin = ovl_now();
    unsigned first = 0;
    for (unsigned i = 1; i < request.slots; i++)
        if (server.free_at[i] < server.free_at[first])
            first = i;
    if (request.slots && server.free_at[first] > begin)
        begin = server.free_at[first];
    struct answer answer = {.at = begin + request.delay_us * US, .fd = fd};
    if (request.slots)
        server.free_at[first] = answer.at;
    size_t n = server.count++;
    while (n && server.answers[n - 1].at < answer.at) {
        server.answers[n] = server.answers[n - 1];
        n--;
    }
    server.answers[n] = answer;
}

static void answer_due(void)
{
    while (server.count && server.answers[server.count - 1].at <= ovl_now()) {
        int fd = server.answers[--server.count].fd;
        if (write(fd, "x", 1) != 1)
            perror("server");
        close(fd);
    }
}

static void serve_event(int epoll_fd, int listener, int fd)
{
    if (fd == listener) {
        int client;
        while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = client};
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client, &event);
        }
        return;
    }
    struct request request;
    if (read(fd, &request, sizeof request) == sizeof request)
        answer_later(fd, request);
    else
        close(fd);
}

static void serve(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1000);
    int epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[64];
        struct timespec left = {.tv_sec = 1};
        if (server.count) {
            ovl_time ns = server.answers[server.count - 1].at - ovl_now();
            ns = ns > 0 ? ns : 0;
            left = (struct timespec){.tv_sec = ns / OVL_SECOND, .tv_nsec = ns % OVL_SECOND};
        }
        int count = epoll_pwait2(epoll_fd, events, 64, &left, NULL);
        for (int i = 0; i < count; i++)
            serve_event(epoll_fd, listener, events[i].data.fd);
        answer_due();
    }
}

pid_t slow_server_start(struct sockaddr_in *ret_address)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&address, &length)) {
        perror("server");
        exit(3);
    }
    pid_t pid = fork();
    if (pid == 0)
        serve(listener);
    close(listener);
    *ret_address = address;
    return pid;
}
