/*
 * Proves that a library which was never ported runs in coroutines as it is: a server that answers
 * nobody before all have asked answers 50 curl_easy_perform, which run in one thread.
 */
#include "../support/cases.h"
#include "../support/pattern.h"
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FETCHES    50
#define PAGE_BYTES 20000

struct connection {
    int fd;
    bool asked; /* the request has come */
};

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
};

static void send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void answer(const struct connection *connection)
{
    char page[PAGE_BYTES];
    char head[100];
    pattern_fill(page, 0, sizeof page, 9);
    int length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", PAGE_BYTES);
    send_all(connection->fd, head, (size_t)length);
    send_all(connection->fd, page, sizeof page);
    close(connection->fd);
}

/* Requests are small and come in one piece or two: the end of the head is all that is looked for.
 */
static void take_request(struct connection *connection)
{
    char head[2000];
    ssize_t size = recv(connection->fd, head, sizeof head - 1, MSG_DONTWAIT);
    connection->asked = size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0;
}

/* Takes connections, and a request of each. */
static void take_all(const struct server *server, struct connection *connections)
{
    int count = 0;
    for (int asked = 0; asked < FETCHES;) {
        struct pollfd wanted[FETCHES + 1] = {{.fd = server->fd, .events = POLLIN}};
        for (int i = 0; i < count; i++)
            wanted[i + 1] = (struct pollfd){.fd = connections[i].asked ? -1 : connections[i].fd,
                                            .events = POLLIN};
        if (count == FETCHES)
            wanted[0].fd = -1;
        poll(wanted, (nfds_t)count + 1, -1);
        for (int i = 0; i < count; i++) {
            if (wanted[i + 1].revents)
                take_request(&connections[i]);
            asked += wanted[i + 1].revents && connections[i].asked;
        }
        if (wanted[0].revents)
            connections[count++] = (struct connection){.fd = accept(server->fd, NULL, NULL)};
    }
}

static void *serve(void *argument)
{
    struct connection connections[FETCHES];
    take_all(argument, connections);
    for (int i = 0; i < FETCHES; i++)
        answer(&connections[i]);
    return NULL;
}

static struct server server_start(void)
{
    struct server server = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(server.fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server.fd, FETCHES), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &length), 0);
    server.port = ntohs(address.sin_port);
    return server;
}

static size_t append(char *bytes, size_t size, size_t count, void *task)
{
    return ovl_task_append(task, bytes, size * count) ? 0 : size * count;
}

/* As a program without any thought of coroutines would. */
static int fetch(struct ovl_task *task, struct ovl_bytes item)
{
    char url[100];
    snprintf(url, sizeof url, "http://localhost:%u/page", *(const unsigned *)item.data);
    CURL *curl = curl_easy_init();
    if (!curl)
        return -ENOMEM;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, task);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    board->mark[atomic_fetch_add(&board->number[0], 1)] = gettid();
    return (int)code;
}

static void expect_page(struct ovl_future *future)
{
    struct ovl_bytes page;
    int error = ovl_future_result(future, &page);
    if (error)
        fail_msg("curl: %s",
                 error > 0 ? curl_easy_strerror((CURLcode)error) : ovl_error_message(error));
    assert_int_equal(page.size, PAGE_BYTES);
    assert_true(pattern_holds(page.data, page.size, 9));
    ovl_future_free(future);
}

static void curl_runs_in_coroutines(void)
{
    struct server server = server_start();
    assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
    struct ovl_executor *executor = NULL;
    struct ovl_options options = {.workers = FETCHES};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    struct ovl_bytes item = {.data = &server.port, .size = sizeof server.port};
    struct ovl_future *futures[FETCHES];
    for (int i = 0; i < FETCHES; i++)
        assert_int_equal(ovl_submit(executor, fetch, item, &futures[i]), 0);
    for (int i = 0; i < FETCHES; i++)
        expect_page(futures[i]);
    for (int i = 1; i < FETCHES; i++)
        assert_int_equal(board->mark[i], board->mark[0]);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    pthread_join(server.thread, NULL);
    close(server.fd);
}

int main(void)
{
    const struct test_case cases[] = {TEST_CASE(curl_runs_in_coroutines)};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = run_cases("curl", cases, COUNT_OF(cases), NULL);
    curl_global_cleanup();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
