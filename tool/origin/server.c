#include "origin/server.h"

#include "origin/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long to leave the listeners alone when no more connections can be had. */
#define PAUSE_MS 20

/* How long answers have to end when the server is stopped, and how long what is cut off has. */
#define DRAIN_NS (400 * OVL_MILLISECOND)
#define CUT_NS   (100 * OVL_MILLISECOND)

#define LISTENERS_MAX 16

struct server_settings server_defaults(void)
{
    return (struct server_settings){
        .idle_ns = 60 * OVL_SECOND,
        .head_ns = 10 * OVL_SECOND,
        .stall_ns = 30 * OVL_SECOND,
        .page_size = 10240,
        .connections = 10000,
    };
}

struct server;

/* A connection that was accepted: it is in its server's list until its task ends. */
struct guest {
    struct server *server;
    int fd;
    _Atomic bool idle; /* it is kept alive, and asks for nothing */
    struct guest *next;
    struct guest **link; /* what points at it */
};

struct server {
    const struct server_settings *settings;
    struct ovl_executor *executor;
    _Atomic uint64_t connections;
    _Atomic uint64_t requests;

    /* The lock is held for moments, and never while a connection waits for anything. */
    pthread_mutex_t lock;
    pthread_cond_t empty;
    struct guest *guests;
    unsigned guest_count;
};

static void enter(struct server *server, struct guest *guest)
{
    pthread_mutex_lock(&server->lock);
    guest->next = server->guests;
    guest->link = &server->guests;
    if (guest->next)
        guest->next->link = &guest->next;
    server->guests = guest;
    server->guest_count++;
    pthread_mutex_unlock(&server->lock);
}

/* Closes the socket under the lock: its number may be another's at once. */
static void leave(struct guest *guest)
{
    struct server *server = guest->server;
    pthread_mutex_lock(&server->lock);
    *guest->link = guest->next;
    if (guest->next)
        guest->next->link = guest->link;
    close(guest->fd);
    if (--server->guest_count == 0)
        pthread_cond_signal(&server->empty);
    pthread_mutex_unlock(&server->lock);
    free(guest);
}

static int serve_guest(struct ovl_task *task, struct ovl_bytes item)
{
    struct guest *guest = *(struct guest *const *)item.data;
    (void)task;
    int error = connection_serve(guest->fd, guest->server->settings, &guest->server->requests,
                                 &guest->idle);
    leave(guest);
    return error;
}

static int welcome(struct server *server, int fd)
{
    struct guest *guest = malloc(sizeof *guest);
    if (!guest) {
        close(fd);
        return -ENOMEM;
    }
    *guest = (struct guest){.server = server, .fd = fd};
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    enter(server, guest);
    struct ovl_bytes item = {.data = &guest, .size = sizeof guest};
    int error = ovl_submit(server->executor, serve_guest, item, NULL);
    if (error) {
        leave(guest);
        return error;
    }
    server->connections++;
    return 0;
}

static bool is_full(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool full = server->guest_count >= server->settings->connections;
    pthread_mutex_unlock(&server->lock);
    return full;
}

/* Ends connections that are only kept alive: others wait for their places. */
static void send_idle_away(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct guest *guest = server->guests; guest; guest = guest->next)
        if (guest->idle)
            shutdown(guest->fd, SHUT_RD);
    pthread_mutex_unlock(&server->lock);
}

/* Accepts all that wait. False where more wait than can be had now. */
static bool accept_all(struct server *server, int listener)
{
    for (;;) {
        if (is_full(server))
            return false;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return true;
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        /* Out of descriptors or of memory: what waits can be accepted when others have ended. */
        if (fd < 0 || welcome(server, fd) < 0)
            return false;
    }
}

/* What connections come in by, and what ends that. */
struct doors {
    struct server *server;
    const int *listeners;
    size_t count;
    int stop_fd;
};

static bool somebody_waits(const struct doors *doors)
{
    struct pollfd fds[LISTENERS_MAX];
    for (size_t n = 0; n < doors->count; n++)
        fds[n] = (struct pollfd){.fd = doors->listeners[n], .events = POLLIN};
    return poll(fds, doors->count, 0) > 0;
}

/* A task beside those that serve, in the same loop: to serve a connection wakes nobody. */
static int accept_until(struct ovl_task *task, struct ovl_bytes item)
{
    const struct doors *doors = *(const struct doors *const *)item.data;
    (void)task;
    struct pollfd fds[1 + LISTENERS_MAX] = {{.fd = doors->stop_fd, .events = POLLIN}};
    for (size_t n = 0; n < doors->count; n++)
        fds[1 + n] = (struct pollfd){.fd = doors->listeners[n], .events = POLLIN};

    bool paused = false;
    while (fds[0].revents == 0) {
        int ready = poll(fds, paused ? 1 : 1 + doors->count, paused ? PAUSE_MS : -1);
        if (ready < 0 && errno != EINTR)
            return -errno;
        bool was_paused = paused;
        paused = false;
        for (size_t n = 1; n <= doors->count; n++)
            if (ready >= 0 && (was_paused || fds[n].revents))
                paused |= !accept_all(doors->server, fds[n].fd);
        if (paused && somebody_waits(doors))
            send_idle_away(doors->server);
    }
    return 0;
}

static int accept_in_loop(struct server *server, const int *listeners, size_t count, int stop_fd)
{
    const struct doors doors = {server, listeners, count, stop_fd};
    const struct doors *item = &doors;
    struct ovl_future *future;
    int error = ovl_submit(server->executor, accept_until,
                           (struct ovl_bytes){.data = &item, .size = sizeof item}, &future);
    if (error)
        return error;
    error = ovl_future_wait(future, OVL_FOREVER);
    ovl_future_free(future);
    return error;
}

/* Shuts every connection down, as `how` has it. True when all have ended in time. */
static bool send_off(struct server *server, int how, ovl_time patience_ns)
{
    ovl_time deadline = ovl_after(patience_ns);
    const struct timespec until = {
        .tv_sec = deadline / OVL_SECOND,
        .tv_nsec = deadline % OVL_SECOND,
    };
    pthread_mutex_lock(&server->lock);
    for (struct guest *guest = server->guests; guest; guest = guest->next)
        shutdown(guest->fd, how);
    int error = 0;
    while (server->guest_count > 0 && !error)
        error = pthread_cond_timedwait(&server->empty, &server->lock, &until);
    bool empty = server->guest_count == 0;
    pthread_mutex_unlock(&server->lock);
    return empty;
}

/* Takes no more requests and ends the answers that are under way; then cuts those off that last. */
static bool drain(struct server *server)
{
    return send_off(server, SHUT_RD, DRAIN_NS) || send_off(server, SHUT_RDWR, CUT_NS);
}

static void server_init(struct server *server, const struct server_settings *settings)
{
    *server = (struct server){.settings = settings};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->empty, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&server->lock, NULL);
}

int server_run(const struct server_settings *settings, const int *listeners, size_t count,
               int stop_fd, struct server_counts *ret_counts)
{
    if (count > LISTENERS_MAX)
        return -EINVAL;
    /* Connections that did not end in time go on using it while the process ends. */
    static struct server server;
    server_init(&server, settings);

    /* A worker for each connection, and one that accepts them. The queue has room for all that is
       ever accepted: submitting never waits. */
    struct ovl_options options = {
        .workers = settings->connections + 1,
        .queue_limit = (size_t)settings->connections + 1,
    };
    int error = ovl_executor_open(OVL_ASYNC, &options, &server.executor);
    if (error)
        return error;
    error = settings->ready ? settings->ready(settings->ready_context) : 0;
    if (!error)
        error = accept_in_loop(&server, listeners, count, stop_fd);
    if (drain(&server))
        ovl_executor_close(server.executor, ovl_after(CUT_NS));
    if (error)
        return error;
    *ret_counts = (struct server_counts){
        .connections = server.connections,
        .requests = server.requests,
    };
    return 0;
}
