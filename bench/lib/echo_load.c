/*
 * Loads echo servers: 100 connections, each sending 64 bytes as soon as it has the last ones back.
 * The servers are bound to one processor, the load to another. All run at once and are loaded in
 * turn, a slice of time each, so that what the machine does meanwhile falls on all of them alike.
 * Prints of each its name, and the medians of its slices: nanoseconds, and nanoseconds of its CPU,
 * a message; then how much of each the first one took, as the medians of what its slices are to
 * those that came right before or after.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 100, BYTES = 64, SLICE_MS = 40 };

struct server {
    const char *path;
    pid_t pid;
    int epoll_fd; /* of its connections */
    int fds[CONNECTIONS];
    double *wall; /* by slice: nanoseconds a message */
    double *cpu;
};

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

/* Returns its port. */
static unsigned start(struct server *self)
{
    int ends[2];
    unsigned port;
    if (pipe(ends))
        exit(3);
    self->pid = fork();
    if (self->pid == 0) {
        bind_to(0);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(self->path, self->path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    if (self->pid < 0 || !file || fscanf(file, "%u", &port) != 1)
        exit(3);
    fclose(file);
    return port;
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

static void open_server(struct server *self, size_t slices)
{
    unsigned port = start(self);
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    self->wall = calloc(slices, sizeof *self->wall);
    self->cpu = calloc(slices, sizeof *self->cpu);
    if (self->epoll_fd < 0 || !self->wall || !self->cpu)
        exit(3);
    for (int i = 0; i < CONNECTIONS; i++) {
        self->fds[i] = connect_to(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = self->fds[i]};
        if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event))
            exit(3);
    }
}

static void send_one(int fd)
{
    static const char message[BYTES];
    if (send(fd, message, BYTES, MSG_NOSIGNAL) != BYTES)
        exit(3);
}

/* Returns how many messages came back: until `end` each is followed by another, then all are
 * awaited. */
static long exchange(const struct server *self, double end)
{
    char data[BYTES];
    long count = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        send_one(self->fds[i]);
    for (int under_way = CONNECTIONS; under_way;) {
        struct epoll_event events[CONNECTIONS];
        int ready = epoll_wait(self->epoll_fd, events, CONNECTIONS, -1);
        bool goes_on = now() < end;
        for (int i = 0; i < ready; i++) {
            if (recv(events[i].data.fd, data, BYTES, MSG_WAITALL) != BYTES)
                exit(3);
            count++;
            if (goes_on)
                send_one(events[i].data.fd);
            else
                under_way--;
        }
    }
    return count;
}

static void load(struct server *self, size_t slice)
{
    double cpu = server_cpu(self->pid);
    double begin = now();
    long count = exchange(self, begin + SLICE_MS / 1e3);
    self->wall[slice] = (now() - begin) * 1e9 / (double)count;
    self->cpu[slice] = (server_cpu(self->pid) - cpu) * 1e9 / (double)count;
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one;
    double b = *(const double *)other;
    return (a > b) - (a < b);
}

static double median(const double *values, size_t count)
{
    double *sorted = calloc(count, sizeof *sorted);
    if (!sorted)
        exit(3);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    double result = sorted[count / 2];
    free(sorted);
    return result;
}

static double median_ratio(const double *values, const double *others, size_t count)
{
    double *ratios = calloc(count, sizeof *ratios);
    if (!ratios)
        exit(3);
    for (size_t i = 0; i < count; i++)
        ratios[i] = values[i] / others[i];
    double result = median(ratios, count);
    free(ratios);
    return result;
}

static void tell(const struct server *self, const struct server *first, size_t slices)
{
    const char *slash = strrchr(self->path, '/');
    double wall_ratio = median_ratio(first->wall, self->wall, slices);
    double cpu_ratio = median_ratio(first->cpu, self->cpu, slices);
    printf("%s %.1f %.1f", slash ? slash + 1 : self->path, median(self->wall, slices),
           median(self->cpu, slices));
    printf(" %.4f %.4f\n", wall_ratio, cpu_ratio);
}

static void end(const struct server *self)
{
    kill(self->pid, SIGTERM);
    waitpid(self->pid, NULL, 0);
}

int main(int argc, char *argv[])
{
    int count = argc - 2;
    if (count < 1) {
        fputs("usage: echo_load SECONDS-EACH SERVER...\n", stderr);
        return 2;
    }
    size_t slices = (size_t)(atof(argv[1]) * 1e3 / SLICE_MS) + 1;
    struct server *servers = calloc((size_t)count, sizeof *servers);
    if (!servers)
        return 3;
    for (int i = 0; i < count; i++) {
        servers[i].path = argv[i + 2];
        open_server(&servers[i], slices);
    }
    bind_to(1);
    for (size_t slice = 0; slice < slices; slice++)
        for (int i = 0; i < count; i++) /* there and back, so that nobody always follows the same */
            load(&servers[slice % 2 ? count - 1 - i : i], slice);
    for (int i = 0; i < count; i++)
        tell(&servers[i], &servers[0], slices);
    for (int i = 0; i < count; i++)
        end(&servers[i]);
    return 0;
}
