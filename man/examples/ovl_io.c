#include <overlap.h>
#include <stdio.h>

#define SOON ovl_after(5 * OVL_SECOND)

/* Sends back what comes, until the other end shuts. */
static int serve(void *argument)
{
    struct ovl_io *stream;
    char data[64];
    int error = ovl_accept(argument, SOON, &stream);
    if (error)
        return error;
    ssize_t size;
    while (!error && (size = ovl_io_read(stream, data, sizeof data, SOON)) != 0)
        error = size < 0 ? (int)size : ovl_io_write(stream, data, (size_t)size, SOON);
    ovl_io_close(stream);
    return error;
}

static int ask(void *argument)
{
    struct ovl_io *stream;
    char port[8], answer[6] = "";
    snprintf(port, sizeof port, "%u", ovl_listener_port(argument));
    int error = ovl_connect("127.0.0.1", port, SOON, &stream);
    if (error)
        return error;
    error = ovl_io_write(stream, "hello", 5, SOON);
    if (!error)
        error = ovl_io_read_all(stream, answer, 5, SOON);
    printf("%s\n", answer);
    ovl_io_close(stream);
    return error;
}

static int talk(void *unused)
{
    struct ovl_listener *listener;
    struct ovl_group *group;
    (void)unused;
    int error = ovl_listen("127.0.0.1", "0", &listener);
    if (error)
        return error;
    error = ovl_group_open(SOON, &group);
    if (!error) {
        ovl_group_go(group, serve, listener);
        ovl_group_go(group, ask, listener);
        error = ovl_group_close(group);
    }
    ovl_listener_close(listener);
    return error;
}

int main(void)
{
    return ovl_run(talk, NULL, NULL) ? 1 : 0;
}
