#include "wire.h"
#include "cases.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool wires_are_elsewhere;

struct wire wire_open(void)
{
    struct wire wire;
    assert_int_equal(pipe2(wire.fds, O_CLOEXEC), 0);
    wire.owner = getpid();
    return wire;
}

void wire_close(struct wire *wire)
{
    close(wire->fds[0]);
    close(wire->fds[1]);
}

/* An end of the wire, as this process has it; negative where its owner has closed it. */
static int take_end(const struct wire *wire, int end)
{
    char path[64];
    if (!wires_are_elsewhere)
        return wire->fds[end];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)wire->owner, wire->fds[end]);
    return open(path, (end ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

static void give_end(int fd)
{
    if (wires_are_elsewhere && fd >= 0)
        close(fd);
}

void wire_tell(const struct wire *wire, size_t count)
{
    int fd = take_end(wire, 1);
    while (count > 0) {
        ssize_t done = write(fd, "!", 1);
        if (done == 1)
            count--;
        else if (done < 0 && errno != EINTR)
            break;
    }
    give_end(fd);
}

bool wire_await(const struct wire *wire, size_t count)
{
    int fd = take_end(wire, 0);
    while (count > 0) {
        char byte;
        ssize_t done = read(fd, &byte, 1);
        if (done == 1)
            count--;
        else if (done == 0 || errno != EINTR)
            break;
    }
    give_end(fd);
    return count == 0;
}
