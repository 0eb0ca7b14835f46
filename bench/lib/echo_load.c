/*
 * Loads an echo server: 100 connections, each sending 64 bytes as soon as it has the last ones
 * back. The server is bound to one processor, the load to another. Prints messages a second, and
 * the server's CPU time a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 100, BYTES = 64 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void bind_to(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static pid_t start(char *command[], unsigned *ret_port)
{
    int ends[2];
    if (pipe(ends))
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        bind_to(0);
        dup2(ends[1], STDOUT_FILENO);
        execv(command[0], command);
        _exit(127);
    }
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    if (pid < 0 || !file || fscanf(file, "%u", ret_port) != 1)
        exit(3);
    fclose(file);
    return pid;
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        exit(3);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static double server_cpu(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
        exit(3);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns how many messages came back until `end`. */
static long exchange(int epoll_fd, double end)
{
    static const char message[BYTES];
    char data[BYTES];
    long count = 0;
    while (now() < end) {
        struct epoll_event events[CONNECTIONS];
        int ready = epoll_wait(epoll_fd, events, CONNECTIONS, 100);
        for (int i = 0; i < ready; i++) {
            if (recv(events[i].data.fd, data, BYTES, MSG_WAITALL) != BYTES ||
                send(events[i].data.fd, message, BYTES, MSG_NOSIGNAL) != BYTES)
                exit(3);
            count++;
        }
    }
    return count;
}

int main(int argc, char *argv[])
{
    if (argc < 3)
        return 2;
    double seconds = atof(argv[1]);
    unsigned port;
    pid_t pid = start(argv + 2, &port);
    bind_to(1);
    int epoll_fd = epoll_create1(0);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connect_to(port)};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event) ||
            send(event.data.fd, (char[BYTES]){0}, BYTES, 0) != BYTES)
            return 3;
    }
    exchange(epoll_fd, now() + 0.2);
    double begin = now();
    double cpu = server_cpu(pid);
    long count = exchange(epoll_fd, begin + seconds);
    cpu = server_cpu(pid) - cpu;
    double wall = now() - begin;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    printf("%.0f messages/s, %.1f ns of CPU a message\n", (double)count / wall,
           cpu * 1e9 / (double)count);
    /* As every bench tells it: the time of a million. */
    printf("Duration %.9f seconds\n", wall * 1e6 / (double)count);
    return 0;
}
