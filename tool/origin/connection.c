#include "origin/connection.h"

#include "origin/page.h"
#include "origin/request.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* What is made and sent at once. */
#define BLOCK_BYTES 65536

/* After so much of one answer the other connections have their turn. */
#define TURN_BYTES (1u << 20)

/* How much of what a peer still sends is taken after an answer that ends the connection. */
#define LINGER_BYTES (1u << 20)
#define LINGER_NS    OVL_SECOND

struct connection {
    int fd;
    const struct server_settings *settings;
    _Atomic bool *idle;
    size_t used; /* bytes of `data` that were received and not yet consumed */
    char data[REQUEST_HEAD_MAX];
};

/* An answer on its way: a head, and then the page, where it has one. */
struct answer {
    int status;
    bool last;      /* the connection ends with it */
    bool head_only; /* of the page, only the size is told */
    struct page page;
    const char *text; /* instead of a page: of an error */
};

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "HTTP Version Not Supported";
    }
}

/* Waits for an event until `deadline`. False when it passed, or the socket failed. */
static bool wait_for(int fd, short event, ovl_time deadline)
{
    for (;;) {
        ovl_time left = deadline - ovl_now();
        if (left <= 0)
            return false;
        struct pollfd wait = {.fd = fd, .events = event};
        ovl_time left_ms = left / OVL_MILLISECOND + 1;
        int ready = poll(&wait, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* Receives what there is, waiting until `deadline`. 0: the peer ended; or -errno, -ETIMEDOUT where
 * the deadline passed. */
static ssize_t receive(int fd, void *buffer, size_t size, ovl_time deadline)
{
    for (;;) {
        ssize_t received = recv(fd, buffer, size, MSG_DONTWAIT);
        if (received >= 0)
            return received;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (!wait_for(fd, POLLIN, deadline))
            return -ETIMEDOUT;
    }
}

/*
 * Receives until a request's head is whole. Returns its length; 0: the connection is over; or a
 * negative HTTP status.
 */
static ssize_t read_request(struct connection *connection, struct request *ret_request)
{
    ovl_time idle_deadline = ovl_after(connection->settings->idle_ns);
    ovl_time head_deadline =
        connection->used > 0 ? ovl_after(connection->settings->head_ns) : OVL_FOREVER;
    for (;;) {
        ssize_t length = request_parse(connection->data, connection->used, ret_request);
        if (length != 0)
            return length;
        bool begun = connection->used > 0;
        ssize_t received = receive(connection->fd, connection->data + connection->used,
                                   sizeof connection->data - connection->used,
                                   begun ? head_deadline : idle_deadline);
        if (received == -ETIMEDOUT && begun)
            return -408;
        if (received <= 0)
            return 0;
        *connection->idle = false;
        if (!begun)
            head_deadline = ovl_after(connection->settings->head_ns);
        connection->used += (size_t)received;
    }
}

static size_t write_head(const struct answer *answer, char *buffer, size_t size)
{
    char date[64];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    int length = snprintf(buffer, size,
                          "HTTP/1.1 %d %s\r\n"
                          "Date: %s\r\n"
                          "Content-Type: text/plain; charset=us-ascii\r\n"
                          "Content-Length: %llu\r\n"
                          "%s%s\r\n",
                          answer->status, status_text(answer->status), date,
                          (unsigned long long)answer->page.size,
                          answer->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                          answer->last ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
    return (size_t)length;
}

/* Makes the part of the answer from `offset` on. Returns how many bytes it is, at most BLOCK_BYTES.
 */
static size_t make_block(const struct answer *answer, const char *head, size_t head_length,
                         uint64_t offset, uint64_t total, char *block)
{
    size_t size = total - offset < BLOCK_BYTES ? (size_t)(total - offset) : BLOCK_BYTES;
    size_t at = 0;
    if (offset < head_length) {
        at = head_length - offset < size ? head_length - offset : size;
        memcpy(block, head + offset, at);
    }
    uint64_t page_offset = offset + at - head_length;
    if (answer->text)
        memcpy(block + at, answer->text + page_offset, size - at);
    else
        page_fill(&answer->page, page_offset, block + at, size - at);
    return size;
}

/* Sends one block without waiting: how many bytes went, or -errno. */
static ssize_t send_block(int fd, const struct answer *answer, const char *head, size_t head_length,
                          uint64_t offset, uint64_t total)
{
    /*
     * All connections of a thread share the block: nothing between making and sending it gives way
     * to another. What was not taken is made again.
     */
    static _Thread_local char block[BLOCK_BYTES];
    size_t size = make_block(answer, head, head_length, offset, total, block);
    ssize_t sent = send(fd, block, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

/* Gives way to the other connections of this thread. */
static void take_turns(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
}

static bool send_answer(struct connection *connection, const struct answer *answer)
{
    char head[512];
    size_t head_length = write_head(answer, head, sizeof head);
    uint64_t total = head_length + (answer->head_only ? 0 : answer->page.size);
    uint64_t turn = TURN_BYTES;
    for (uint64_t offset = 0; offset < total;) {
        ssize_t sent = send_block(connection->fd, answer, head, head_length, offset, total);
        if (sent == -EAGAIN) {
            if (!wait_for(connection->fd, POLLOUT, ovl_after(connection->settings->stall_ns)))
                return false;
            continue;
        }
        if (sent == -EINTR)
            continue;
        if (sent < 0)
            return false;
        offset += (uint64_t)sent;
        if (offset >= turn) {
            turn = offset + TURN_BYTES;
            take_turns();
        }
    }
    return true;
}

/* Sends an error, which ends the connection, and lets the peer read it: closing at once would reset
 * it. */
static void refuse(struct connection *connection, int status)
{
    const char *text = status_text(status);
    struct answer answer = {
        .status = status,
        .last = true,
        .text = text,
        .page.size = strlen(text),
    };
    if (!send_answer(connection, &answer) || shutdown(connection->fd, SHUT_WR) < 0)
        return;
    ovl_time deadline = ovl_after(LINGER_NS);
    for (size_t taken = 0; taken < LINGER_BYTES;) {
        ssize_t received =
            receive(connection->fd, connection->data, sizeof connection->data, deadline);
        if (received <= 0)
            return;
        taken += (size_t)received;
    }
}

static void sleep_for(ovl_time ns)
{
    struct timespec left = {.tv_sec = ns / OVL_SECOND, .tv_nsec = ns % OVL_SECOND};
    while (ns > 0 && nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/* The answer to a well-formed request. */
static struct answer find_answer(const struct server_settings *settings,
                                 const struct request *request)
{
    if (request->body)
        return (struct answer){.status = request->method == REQUEST_OTHER ? 405 : 413};
    if (request->method == REQUEST_OTHER)
        return (struct answer){.status = 405};
    struct answer answer = {
        .status = 200,
        .last = !request->keep_alive,
        .head_only = request->method == REQUEST_HEAD,
    };
    if (page_find(request->target, request->target_length, settings->page_size, &answer.page) < 0)
        return (struct answer){.status = 400};
    return answer;
}

/* Takes one request and answers it. False when it was the connection's last. */
static bool serve_one(struct connection *connection, _Atomic uint64_t *requests)
{
    struct request request;
    ssize_t length = read_request(connection, &request);
    if (length == 0)
        return false;
    if (length < 0) {
        refuse(connection, (int)-length);
        return false;
    }
    struct answer answer = find_answer(connection->settings, &request);
    sleep_for(connection->settings->latency_ns);
    connection->used -= (size_t)length;
    memmove(connection->data, connection->data + length, connection->used);

    *requests += 1;
    if (answer.status != 200) {
        refuse(connection, answer.status);
        return false;
    }
    return send_answer(connection, &answer) && !answer.last;
}

int connection_serve(int fd, const struct server_settings *settings, _Atomic uint64_t *requests,
                     _Atomic bool *idle)
{
    struct connection *connection = malloc(sizeof *connection);
    if (!connection)
        return -ENOMEM;
    connection->fd = fd;
    connection->settings = settings;
    connection->used = 0;
    connection->idle = idle;
    while (serve_one(connection, requests))
        *idle = connection->used == 0;
    free(connection);
    return 0;
}
