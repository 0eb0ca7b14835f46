/* Name look-ups, connecting and listening. */
#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/loop.h"
#include "loop/offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/io.h>
#include <overlap/scope.h>
#include <stdlib.h>
#include <string.h>

/* --- looking up --- */

struct lookup {
    struct ovl__offload offload;
    char *host;
    char *service;
    struct addrinfo hints;
    struct addrinfo *list;
    int result; /* getaddrinfo's */
    int error;  /* errno, where the result is EAI_SYSTEM */
};

static int error_of(int result, int error)
{
    switch (result) {
    case 0:
        return 0;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return error ? -error : OVL_ELOOKUP;
    default:
        return OVL_ELOOKUP;
    }
}

static void run_lookup(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    lookup->result =
        ovl__sys.getaddrinfo(lookup->host, lookup->service, &lookup->hints, &lookup->list);
    lookup->error = errno;
}

static void free_lookup(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    if (lookup->list)
        freeaddrinfo(lookup->list);
    free(lookup->host);
    free(lookup->service);
    free(lookup);
}

static struct lookup *new_lookup(const char *host, const char *service,
                                 const struct addrinfo *hints)
{
    struct lookup *lookup = ovl__zalloc(sizeof *lookup);
    if (!lookup)
        return NULL;
    lookup->offload = (struct ovl__offload){.run = run_lookup, .free = free_lookup};
    lookup->hints = *hints;
    lookup->host = host ? strdup(host) : NULL;
    lookup->service = service ? strdup(service) : NULL;
    if ((host && !lookup->host) || (service && !lookup->service)) {
        free_lookup(&lookup->offload);
        return NULL;
    }
    return lookup;
}

/* In a helper thread, which a deadline leaves to itself. */
static int look_up_within(struct lookup *lookup, ovl_time deadline, struct addrinfo **ret_list)
{
    struct ovl_scope scope;
    int error = ovl_scope_enter(&scope, deadline, 0);
    if (error) {
        free_lookup(&lookup->offload);
        return error;
    }
    bool abandoned = ovl__offload(&lookup->offload) != 0;
    int reason = ovl_scope_leave(&scope);
    if (abandoned)
        return reason;
    error = error_of(lookup->result, lookup->error);
    if (!error) {
        *ret_list = lookup->list;
        lookup->list = NULL;
    }
    free_lookup(&lookup->offload);
    return error;
}

/* Of a number that is too large libc takes a part. */
static bool is_no_port(const char *service)
{
    return service && *service && !service[strspn(service, "0123456789")] &&
           strtoul(service, NULL, 10) > UINT16_MAX;
}

static int look_up(const char *host, const char *service, int flags, ovl_time deadline,
                   struct addrinfo **ret_list)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo literal = hints;
    literal.ai_flags |= AI_NUMERICHOST;
    if (is_no_port(service))
        return OVL_ELOOKUP;
    /* What needs nobody's answer needs no thread. */
    bool is_plain = !ovl_in_coroutine();
    int result = ovl__sys.getaddrinfo(host, service, is_plain ? &hints : &literal, ret_list);
    if (!result || result != EAI_NONAME || is_plain)
        return error_of(result, errno);
    struct lookup *lookup = new_lookup(host, service, &hints);
    return lookup ? look_up_within(lookup, deadline, ret_list) : -ENOMEM;
}

int ovl_lookup(const char *host, const char *service, ovl_time deadline, struct addrinfo **ret_list)
{
    struct addrinfo *list = NULL;
    int error = look_up(host, service, 0, deadline, &list);
    if (!error)
        *ret_list = list;
    return error;
}

/* --- connecting --- */

static int finish_connect(int fd, ovl_time deadline)
{
    int error = ovl_wait_fd(fd, POLLOUT, deadline);
    if (error)
        return error;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return -errno;
    return -error;
}

static int start_connect(int fd, const struct addrinfo *address, ovl_time deadline)
{
    if (!ovl__sys.connect(fd, address->ai_addr, address->ai_addrlen))
        return 0;
    return errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline) : -errno;
}

/* 0: *ret_fd is connected. */
static int connect_to(const struct addrinfo *address, ovl_time deadline, int *ret_fd)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    if (fd < 0)
        return -errno;
    int error = start_connect(fd, address, deadline);
    if (error) {
        ovl__loop_forget_fd(fd);
        ovl__sys.close(fd);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    *ret_fd = fd;
    return 0;
}

static unsigned count_addresses(const struct addrinfo *list)
{
    unsigned count = 0;
    for (; list; list = list->ai_next)
        count++;
    return count;
}

static int connect_to_any(const struct addrinfo *list, ovl_time deadline, int *ret_fd)
{
    int error = OVL_ELOOKUP;
    for (unsigned left = count_addresses(list); left; left--, list = list->ai_next) {
        ovl_time now = ovl_now();
        ovl_time share = deadline;
        if (deadline != OVL_FOREVER && deadline > now)
            share = now + (deadline - now) / left;
        error = connect_to(list, share, ret_fd);
        if (!error || error == OVL_ECANCELED)
            break;
    }
    return error;
}

static int open_or_close(int fd, struct ovl_io **ret_stream)
{
    int error = ovl_io_open(fd, ret_stream);
    if (error)
        ovl__sys.close(fd);
    return error;
}

int ovl_connect(const char *host, const char *service, ovl_time deadline,
                struct ovl_io **ret_stream)
{
    struct addrinfo *list = NULL;
    int error = look_up(host, service, 0, deadline, &list);
    if (error)
        return error;
    int fd = -1;
    error = connect_to_any(list, deadline, &fd);
    freeaddrinfo(list);
    return error ? error : open_or_close(fd, ret_stream);
}

/* --- listening --- */

struct ovl_listener {
    int fd;
    unsigned port;
    unsigned users; /* that wait in ovl_accept */
    bool is_closed;
};

static int listen_at(const struct addrinfo *address, int *ret_fd)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, SOMAXCONN)) {
        int error = -errno;
        ovl__sys.close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = {.in6 = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size))
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

int ovl_listen(const char *host, const char *service, struct ovl_listener **ret_listener)
{
    struct addrinfo *list = NULL;
    int error = look_up(host, service, AI_PASSIVE, OVL_FOREVER, &list);
    if (error)
        return error;
    struct ovl_listener *listener = ovl__zalloc(sizeof *listener);
    error = listener ? OVL_ELOOKUP : -ENOMEM;
    for (struct addrinfo *at = list; at && error && listener; at = at->ai_next)
        error = listen_at(at, &listener->fd);
    freeaddrinfo(list);
    if (error) {
        free(listener);
        return error;
    }
    listener->port = port_of(listener->fd);
    *ret_listener = listener;
    return 0;
}

unsigned ovl_listener_port(const struct ovl_listener *listener)
{
    return listener->port;
}

static void drop(struct ovl_listener *listener)
{
    if (!--listener->users && listener->is_closed)
        free(listener);
}

void ovl_listener_close(struct ovl_listener *listener)
{
    if (!listener)
        return;
    ovl__loop_forget_fd(listener->fd);
    ovl__sys.close(listener->fd);
    listener->is_closed = true;
    listener->users++;
    drop(listener);
}

static bool is_passing(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO;
}

static int accept_next(struct ovl_listener *listener, ovl_time deadline, int *ret_fd)
{
    for (;;) {
        if (listener->is_closed)
            return -EBADF;
        *ret_fd = ovl__sys.accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (*ret_fd >= 0)
            return 0;
        if (is_passing(errno))
            continue;
        if (errno != EAGAIN)
            return -errno;
        int error = ovl_wait_fd(listener->fd, POLLIN, deadline);
        if (error)
            return error;
    }
}

int ovl_accept(struct ovl_listener *listener, ovl_time deadline, struct ovl_io **ret_stream)
{
    int fd = -1;
    listener->users++;
    int error = accept_next(listener, deadline, &fd);
    drop(listener);
    if (error)
        return error;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return open_or_close(fd, ret_stream);
}
