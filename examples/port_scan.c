/*
 * Which ports of a host take connections: all are tried at a time, in one thread, by plain blocking
 * connects.
 *
 *     port_scan HOST [FIRST [LAST]]
 *
 * Scan hosts of your own.
 */
#include <errno.h>
#include <netdb.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_MAX   65535
#define TIMEOUT_S  2
#define AT_A_TIME  500 /* as many sockets are open */
#define USAGE_CODE 2

struct scan {
    struct sockaddr_storage address;
    socklen_t length;
    unsigned next;
    unsigned last;
    unsigned first;
    unsigned open;
    unsigned unknown; /* neither open nor closed, as far as can be told */
};

struct probe {
    struct sockaddr_storage address;
    socklen_t length;
};

/* The task: 0 where the port takes connections. */
static int try_port(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct probe *probe = item.data;
    int fd = socket(probe->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    int error = connect(fd, (const struct sockaddr *)&probe->address, probe->length) ? -errno : 0;
    close(fd);
    return error;
}

static void set_port(struct sockaddr_storage *address, unsigned port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((in_port_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((in_port_t)port);
}

static int next_port(void *context, struct ovl_bytes *ret_item)
{
    static struct probe probe;
    struct scan *scan = context;
    if (scan->next > scan->last)
        return 0;
    probe = (struct probe){.address = scan->address, .length = scan->length};
    set_port(&probe.address, scan->next++);
    *ret_item = (struct ovl_bytes){&probe, sizeof probe};
    return 1;
}

static int print_port(void *context, size_t index, const struct ovl_outcome *outcome,
                      struct ovl_bytes result)
{
    (void)result;
    struct scan *scan = context;
    if (!outcome->error) {
        printf("%zu\n", scan->first + index);
        scan->open++;
    } else if (outcome->error != -ECONNREFUSED) {
        scan->unknown++;
    }
    return 0;
}

static unsigned port_from(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || port < 1 || port > PORT_MAX) {
        fprintf(stderr, "port_scan: \"%s\" is not a port: 1 to %d\n", text, PORT_MAX);
        exit(USAGE_CODE);
    }
    return (unsigned)port;
}

static void look_up(const char *host, struct scan *scan)
{
    struct addrinfo *found;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error) {
        fprintf(stderr, "port_scan: %s: %s\n", host, gai_strerror(error));
        exit(USAGE_CODE);
    }
    memcpy(&scan->address, found->ai_addr, found->ai_addrlen);
    scan->length = found->ai_addrlen;
    freeaddrinfo(found);
}

int main(int argc, char *argv[])
{
    if (argc < 2 || argc > 4) {
        fputs("usage: port_scan HOST [FIRST [LAST]]\n", stderr);
        return USAGE_CODE;
    }
    struct scan scan = {.first = argc > 2 ? port_from(argv[2]) : 1,
                        .last = argc > 3 ? port_from(argv[3]) : PORT_MAX};
    scan.next = scan.first;
    look_up(argv[1], &scan);

    struct ovl_options options = {.workers = AT_A_TIME};
    struct ovl_stream stream = {
        .next = next_port, .each = print_port, .context = &scan, .prompt = true};
    struct ovl_executor *executor = NULL;
    ovl_time start = ovl_now();
    int error = ovl_executor_open(OVL_ASYNC, &options, &executor);
    if (!error)
        error = ovl_map_stream(executor, try_port, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    if (error && error != OVL_ETASKS) {
        fprintf(stderr, "port_scan: %s\n", ovl_error_message(error));
        return 3;
    }
    fprintf(stderr, "%u open, %u unknown, of %u in %.2f s\n", scan.open, scan.unknown,
            scan.last < scan.first ? 0 : scan.last - scan.first + 1,
            (double)(ovl_now() - start) / OVL_SECOND);
    return 0;
}
