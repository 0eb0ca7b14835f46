#include "origin/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel cuts this down to what it allows. */
#define BACKLOG 65535

static int listen_on(int fd, struct sockaddr_in *name)
{
    /* A server that was stopped a moment ago leaves connections behind that would keep its port. */
    int on = 1;
    socklen_t size = sizeof *name;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)name, size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)name, &size) < 0)
        return -errno;
    return 0;
}

int listener_open(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = listen_on(fd, &name);
    if (error) {
        close(fd);
        return error;
    }
    *ret_fd = fd;
    *ret_port = ntohs(name.sin_port);
    return 0;
}
