/* libuv: an echo server. Prints its port. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    char data[4096];
};

static void on_close(uv_handle_t *handle)
{
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    (void)suggested;
    struct connection *self = (struct connection *)handle;
    *ret_buffer = uv_buf_init(self->data, sizeof self->data);
}

static void on_written(uv_write_t *request, int status)
{
    (void)request;
    (void)status;
}

/* Tries at once before it queues, as its documentation advises for small messages. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *self = (struct connection *)stream;
    if (size < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)size);
    if (size && uv_try_write(stream, &answer, 1) != size)
        uv_write(&self->write, stream, &answer, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct connection *self = calloc(1, sizeof *self);
    if (status || !self || uv_tcp_init(listener->loop, &self->tcp) ||
        uv_accept(listener, (uv_stream_t *)&self->tcp))
        exit(3);
    uv_tcp_nodelay(&self->tcp, 1);
    uv_read_start((uv_stream_t *)&self->tcp, on_alloc, on_read);
}

int main(void)
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) ||
        uv_listen((uv_stream_t *)&listener, 511, on_connection) ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size))
        return 3;
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
