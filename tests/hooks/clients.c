/*
 * Clients of networks that were never ported, each in a crowd of coroutines of one thread: hiredis,
 * which reads from its socket; ZeroMQ, which waits for a thread of its own; GLib, whose main loop
 * polls and whose locks are futexes. None of a crowd gets on before all of it waits.
 *
 *     clients SOCKET     of a Redis server
 */
#include "../support/cases.h"
#include <gio/gio.h>
#include <hiredis/hiredis.h>
#include <overlap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define CROWD 50

static const char *redis_socket;

/* Calls the task with each number below CROWD, all at once in one thread; 0: all ended with 0. */
static int call_crowd(ovl_task_fn *task)
{
    static int numbers[CROWD];
    const struct ovl_options options = {.workers = CROWD};
    struct ovl_executor *executor;
    int error = ovl_executor_open(OVL_ASYNC, &options, &executor);
    if (error)
        return error;
    for (int n = 0; n < CROWD; n++)
        numbers[n] = n;
    error = ovl_map(executor, task, numbers, sizeof *numbers, NULL, 0, CROWD, NULL);
    ovl_executor_close(executor, OVL_FOREVER);
    return error;
}

/* --- hiredis --- */

/* All but the last wait at the server for what the last one puts there. */
static int meet_in_redis(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    int number = *(const int *)item.data;
    redisContext *redis = redisConnectUnix(redis_socket);
    if (!redis || redis->err) {
        fprintf(stderr, "clients: %s: %s\n", redis_socket, redis ? redis->errstr : "no memory");
        redisFree(redis);
        return 1;
    }
    bool well = true;
    for (int n = 0; number == CROWD - 1 && n < number; n++) {
        redisReply *reply = redisCommand(redis, "LPUSH meeting %d", n);
        well = well && reply && reply->type == REDIS_REPLY_INTEGER;
        freeReplyObject(reply);
    }
    if (number < CROWD - 1) {
        redisReply *reply = redisCommand(redis, "BLPOP meeting 0");
        well = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
        freeReplyObject(reply);
    }
    redisFree(redis);
    return well ? 0 : 2;
}

static void hiredis_gives_way(void)
{
    assert_int_equal(call_crowd(meet_in_redis), 0);
}

/* --- ZeroMQ --- */

static void *zeromq;
static char zeromq_address[64];

/* Takes the requests of all before it answers the first. */
static void *answer_all(void *router)
{
    static zmq_msg_t from[CROWD];
    static int numbers[CROWD];
    char nothing;
    for (int n = 0; n < CROWD; n++) {
        zmq_msg_init(&from[n]);
        zmq_msg_recv(&from[n], router, 0);
        zmq_recv(router, &nothing, 0, 0);
        zmq_recv(router, &numbers[n], sizeof numbers[n], 0);
    }
    for (int n = 0; n < CROWD; n++) {
        zmq_msg_send(&from[n], router, ZMQ_SNDMORE);
        zmq_send(router, &nothing, 0, ZMQ_SNDMORE);
        zmq_send(router, &numbers[n], sizeof numbers[n], 0);
    }
    return NULL;
}

static int ask_router(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    int number = *(const int *)item.data;
    int answer = -1;
    void *request = zmq_socket(zeromq, ZMQ_REQ);
    bool well = request && !zmq_connect(request, zeromq_address);
    well = well && zmq_send(request, &number, sizeof number, 0) == sizeof number;
    well = well && zmq_recv(request, &answer, sizeof answer, 0) == sizeof answer;
    zmq_close(request);
    return well && answer == number ? 0 : 1;
}

static void zeromq_gives_way(void)
{
    size_t size = sizeof zeromq_address;
    pthread_t thread;
    zeromq = zmq_ctx_new();
    void *router = zmq_socket(zeromq, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, zeromq_address, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_all, router), 0);
    assert_int_equal(call_crowd(ask_router), 0);
    pthread_join(thread, NULL);
    zmq_close(router);
    zmq_ctx_term(zeromq);
}

/* --- GLib --- */

static int loops_begun;

static gboolean quit_when_all_have_begun(void *loop)
{
    if (loops_begun < CROWD)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static int run_main_loop(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    GMainContext *context = g_main_context_new();
    GMainLoop *loop = g_main_loop_new(context, FALSE);
    GSource *timer = g_timeout_source_new(1);
    g_source_set_callback(timer, quit_when_all_have_begun, loop, NULL);
    g_source_attach(timer, context);
    loops_begun++;
    g_main_loop_run(loop);
    g_source_unref(timer);
    g_main_loop_unref(loop);
    g_main_context_unref(context);
    return 0;
}

static void glib_s_main_loops_give_way(void)
{
    assert_int_equal(call_crowd(run_main_loop), 0);
}

static GSocketAddress *gio_address;

/* Takes the connections of all before it answers the first. */
static void *greet_all(void *listener)
{
    static GSocketConnection *connections[CROWD];
    for (int n = 0; n < CROWD; n++)
        connections[n] = g_socket_listener_accept(listener, NULL, NULL, NULL);
    for (int n = 0; n < CROWD; n++) {
        GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connections[n]));
        g_output_stream_write_all(out, "hello", 5, NULL, NULL, NULL);
        g_object_unref(connections[n]);
    }
    return NULL;
}

static int be_greeted(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    char word[6] = "";
    gsize size = 0;
    GSocketClient *client = g_socket_client_new();
    GSocketConnection *connection =
        g_socket_client_connect(client, G_SOCKET_CONNECTABLE(gio_address), NULL, NULL);
    if (connection) {
        GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
        g_input_stream_read_all(in, word, sizeof word, &size, NULL, NULL);
        g_object_unref(connection);
    }
    g_object_unref(client);
    return size == 5 && !memcmp(word, "hello", 5) ? 0 : 1;
}

static void gio_s_sockets_give_way(void)
{
    pthread_t thread;
    GSocketListener *listener = g_socket_listener_new();
    g_socket_listener_set_backlog(listener, CROWD);
    GSocketAddress *any = g_inet_socket_address_new_from_string("127.0.0.1", 0);
    assert_true(g_socket_listener_add_address(listener, any, G_SOCKET_TYPE_STREAM,
                                              G_SOCKET_PROTOCOL_TCP, NULL, &gio_address, NULL));
    assert_int_equal(pthread_create(&thread, NULL, greet_all, listener), 0);
    assert_int_equal(call_crowd(be_greeted), 0);
    pthread_join(thread, NULL);
    g_object_unref(gio_address);
    g_object_unref(any);
    g_object_unref(listener);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    redis_socket = argv[1];
    /* Where a desktop's proxies may be asked about, GIO does so, in threads that never end. */
    setenv("GIO_USE_PROXY_RESOLVER", "dummy", 1);
    const struct test_case cases[] = {
        TEST_CASE(hiredis_gives_way),
        TEST_CASE(zeromq_gives_way),
        TEST_CASE(glib_s_main_loops_give_way),
        TEST_CASE(gio_s_sockets_give_way),
    };
    return run_cases("clients", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
