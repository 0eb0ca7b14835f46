#include "wire.h"
#include "cases.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct wire wire_open(void)
{
    struct wire wire;
    assert_int_equal(pipe2(wire.fds, O_CLOEXEC), 0);
    return wire;
}

void wire_close(struct wire *wire)
{
    close(wire->fds[0]);
    close(wire->fds[1]);
}

void wire_tell(const struct wire *wire, size_t count)
{
    while (count > 0) {
        ssize_t done = write(wire->fds[1], "!", 1);
        if (done == 1)
            count--;
        else if (done < 0 && errno != EINTR)
            return;
    }
}

bool wire_await(const struct wire *wire, size_t count)
{
    while (count > 0) {
        char byte;
        ssize_t done = read(wire->fds[0], &byte, 1);
        if (done == 1)
            count--;
        else if (done == 0 || errno != EINTR)
            return false;
    }
    return true;
}
