/* overlap: an echo server, one coroutine a connection. Prints its port. */
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>

static int echo(void *argument)
{
    struct ovl_io *stream = argument;
    char data[4096];
    ssize_t size;
    while ((size = ovl_io_read(stream, data, sizeof data, OVL_FOREVER)) > 0)
        if (ovl_io_write(stream, data, (size_t)size, OVL_FOREVER))
            break;
    ovl_io_close(stream);
    return 0;
}

static int serve(void *argument)
{
    (void)argument;
    struct ovl_listener *listener;
    struct ovl_io *stream;
    if (ovl_listen("127.0.0.1", "0", &listener))
        return 3;
    printf("%u\n", ovl_listener_port(listener));
    fflush(stdout);
    while (!ovl_accept(listener, OVL_FOREVER, &stream))
        ovl_go(echo, stream, NULL);
    return 3;
}

int main(void)
{
    return ovl_run(serve, NULL, NULL);
}
