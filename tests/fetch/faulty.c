/*
 * faulty [-s SEED] [-l LOG] [-n COUNT]: a web server on loopback that does what servers should not
 * do.
 *
 * It prints its port and serves until it is ended. What it does follows from the seed, the path and
 * how often that path was asked for:
 *
 *     /good/...        every answer is right
 *     /FAULT/N/...     the first N answers have that fault (see `faults`), further ones are right
 *     /mixed/...       up to three answers have faults of any kind
 *     /never/...       all answers have faults
 *
 * It takes at most COUNT connections at once, and keeps each until its client ends it.
 * Right answers have an ETag and a Last-Modified, take Range with If-Range, and If-None-Match.
 * A page's bytes follow from its path and version (content.c). /count tells how many answers had
 * a fault; /version/N makes N the version of all pages. /long-header has one header of 150 kB.
 */
#include "content.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES 65536
#define CHUNK         8192

enum fault {
    RESET_AT_ONCE,
    RESET_IN_HEADERS,
    RESET_IN_BODY,
    CLOSE_AT_ONCE,
    STALL,
    STALL_BEFORE,
    DRIP,
    TRUNCATE,
    TRUNCATE_CHUNKS,
    LENGTH_TOO_LONG,
    LENGTH_TOO_SHORT,
    WRONG_RANGE,
    ENDLESS_BODY,
    ENDLESS_HEADERS,
    REDIRECT_LOOP,
    TOO_MANY,
    UNAVAILABLE,
    BROKEN,
    GARBAGE,
    CHANGE,
    CHANGE_SILENTLY,
    FAULT_COUNT,
};

static const char *const faults[] = {
    "reset",
    "reset-headers",
    "reset-body",
    "close",
    "stall",
    "stall-before",
    "drip",
    "truncate",
    "chunks",
    "length-long",
    "length-short",
    "range",
    "endless",
    "endless-headers",
    "loop",
    "429",
    "503",
    "500",
    "garbage",
    "change",
    "change-silently",
};

struct request {
    char path[2048];
    bool head;
    bool ranged;
    uint64_t first; /* of the range */
    char if_range[128];
    char if_none_match[128];
};

/* How often a path was asked for. */
struct visit {
    struct visit *next;
    unsigned count;
    unsigned version;
    char path[];
};

#define BUCKETS 4096

static uint64_t seed;
static FILE *log_file;
static atomic_uint injected;
static atomic_uint requests;
static sem_t places;            /* for further ones */
static atomic_uint connections; /* that stand now */
static atomic_uint version_now;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct visit *visits[BUCKETS];

static struct visit *visit(const char *path)
{
    struct visit **place = &visits[content_hash(0, path, strlen(path)) % BUCKETS];
    for (struct visit *found = *place; found; found = found->next)
        if (strcmp(found->path, path) == 0)
            return found;
    struct visit *fresh = calloc(1, sizeof *fresh + strlen(path) + 1);
    if (!fresh)
        abort();
    strcpy(fresh->path, path);
    fresh->next = *place;
    *place = fresh;
    return fresh;
}

static bool send_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool say(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static bool send_body(int fd, const char *path, unsigned version, uint64_t from, uint64_t to)
{
    unsigned char chunk[CHUNK];
    while (from < to) {
        size_t size = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        content_fill(path, version, from, chunk, size);
        if (!send_all(fd, chunk, size))
            return false;
        from += size;
    }
    return true;
}

static void reset(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
}

/* Until the client goes away. */
static void wait_for_end(int fd)
{
    char byte;
    struct pollfd other = {.fd = fd, .events = POLLIN | POLLRDHUP};
    while (poll(&other, 1, 60000) > 0 && !(other.revents & (POLLHUP | POLLRDHUP | POLLERR)) &&
           recv(fd, &byte, 1, 0) > 0)
        ;
}

static void etag_of(unsigned version, const char *path, char *etag, size_t size)
{
    snprintf(etag, size, "\"%u-%08x\"", version,
             (unsigned)content_hash(version, path, strlen(path)));
}

/* Headers of a right answer, up to and without the length. */
static bool say_headers(int fd, const char *status, const struct request *request, unsigned version,
                        const char *extra)
{
    char etag[64], text[1024];
    etag_of(version, request->path, etag, sizeof etag);
    snprintf(text, sizeof text,
             "HTTP/1.1 %s\r\nETag: %s\r\nLast-Modified: Mon, 0%u Jan 2024 00:00:00 GMT\r\n%s",
             status, etag, version % 9 + 1, extra);
    return say(fd, text);
}

static bool say_length(int fd, uint64_t length)
{
    char text[64];
    snprintf(text, sizeof text, "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
    return say(fd, text);
}

/* What the client already has is what it should have. */
static bool wants_rest(const struct request *request, unsigned version, uint64_t size)
{
    char etag[64];
    etag_of(version, request->path, etag, sizeof etag);
    return request->ranged && request->first < size &&
           (!request->if_range[0] || strcmp(request->if_range, etag) == 0);
}

static bool answer_rest(int fd, const struct request *request, unsigned version, uint64_t size)
{
    char range[128];
    snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
             (unsigned long long)request->first, (unsigned long long)size - 1,
             (unsigned long long)size);
    return say_headers(fd, "206 Partial Content", request, version, range) &&
           say_length(fd, size - request->first) &&
           send_body(fd, request->path, version, request->first, size);
}

static bool answer_well(int fd, const struct request *request, unsigned version)
{
    char etag[64];
    uint64_t size = content_size(request->path, version);
    etag_of(version, request->path, etag, sizeof etag);
    if (request->if_none_match[0] && strcmp(request->if_none_match, etag) == 0)
        return say_headers(fd, "304 Not Modified", request, version, "\r\n");
    if (wants_rest(request, version, size))
        return answer_rest(fd, request, version, size);
    bool good = say_headers(fd, "200 OK", request, version, "") && say_length(fd, size);
    return request->head ? good : good && send_body(fd, request->path, version, 0, size);
}

/* Sends headers of the whole page, and half of it. */
static void answer_half(int fd, const struct request *request, unsigned version)
{
    uint64_t size = content_size(request->path, version);
    uint64_t from = wants_rest(request, version, size) ? request->first : 0;
    if (from) {
        char range[128];
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)from, (unsigned long long)size - 1, (unsigned long long)size);
        say_headers(fd, "206 Partial Content", request, version, range);
    } else {
        say_headers(fd, "200 OK", request, version, "");
    }
    say_length(fd, size - from);
    send_body(fd, request->path, version, from, from + (size - from) / 2);
}

static void drip(int fd, const struct request *request, unsigned version)
{
    uint64_t size = content_size(request->path, version);
    say_headers(fd, "200 OK", request, version, "");
    say_length(fd, size);
    for (uint64_t at = 0; at < size; at++) {
        if (!send_body(fd, request->path, version, at, at + 1))
            return;
        struct pollfd other = {.fd = fd, .events = POLLRDHUP};
        if (poll(&other, 1, 200) > 0)
            return;
    }
}

static void answer_chunks(int fd, const struct request *request, unsigned version)
{
    uint64_t size = content_size(request->path, version);
    char text[32];
    say_headers(fd, "200 OK", request, version, "Transfer-Encoding: chunked\r\n\r\n");
    snprintf(text, sizeof text, "%llx\r\n", (unsigned long long)size + 1);
    say(fd, text);
    send_body(fd, request->path, version, 0, size);
}

static void answer_endless(int fd, const struct request *request)
{
    char chunk[CHUNK];
    memset(chunk, 'x', sizeof chunk);
    say_headers(fd, "200 OK", request, 0, "\r\n");
    while (send_all(fd, chunk, sizeof chunk))
        ;
}

static void answer_endless_headers(int fd)
{
    say(fd, "HTTP/1.1 200 OK\r\n");
    while (say(fd, "X-More: and more and more and more and more and more and more and more\r\n"))
        ;
}

static bool answer_long_header(int fd)
{
    char chunk[1000];
    memset(chunk, 'x', sizeof chunk);
    bool good = say(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
    for (int n = 0; n < 150 && good; n++)
        good = send_all(fd, chunk, sizeof chunk);
    return good && say(fd, "\r\nContent-Length: 0\r\n\r\n");
}

/* A range that is not the one asked for; unasked, where none was. */
static void answer_wrong_range(int fd, const struct request *request, unsigned version)
{
    uint64_t size = content_size(request->path, version);
    uint64_t from = request->ranged ? request->first / 2 : size / 3;
    char range[128];
    snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
             (unsigned long long)from, (unsigned long long)size - 1, (unsigned long long)size);
    say_headers(fd, "206 Partial Content", request, version, range);
    say_length(fd, size - from);
    send_body(fd, request->path, version, from, size);
}

/* A rest of another version than the beginning, under that one's own mark. */
static void answer_other_rest(int fd, const struct request *request, unsigned version)
{
    uint64_t size = content_size(request->path, version);
    if (request->ranged && request->first < size)
        answer_rest(fd, request, version, size);
    else
        answer_half(fd, request, version);
}

/* Does the wrong. True: the connection may go on. */
static bool misbehave(int fd, const struct request *request, enum fault fault, unsigned version)
{
    const char *text = NULL;
    char loop[2200];
    switch (fault) {
    case RESET_AT_ONCE:
        reset(fd);
        return false;
    case RESET_IN_HEADERS:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
        reset(fd);
        return false;
    case RESET_IN_BODY:
    case CHANGE:
        answer_half(fd, request, version);
        reset(fd);
        return false;
    case CHANGE_SILENTLY:
        answer_other_rest(fd, request, version);
        return false;
    case STALL:
        answer_half(fd, request, version);
        wait_for_end(fd);
        return false;
    case STALL_BEFORE:
        wait_for_end(fd);
        return false;
    case DRIP:
        drip(fd, request, version);
        return false;
    case TRUNCATE:
        answer_half(fd, request, version);
        return false;
    case TRUNCATE_CHUNKS:
        answer_chunks(fd, request, version);
        return false;
    case LENGTH_TOO_LONG:
        say_headers(fd, "200 OK", request, version, "");
        say_length(fd, content_size(request->path, version) + 7);
        send_body(fd, request->path, version, 0, content_size(request->path, version));
        return false;
    case LENGTH_TOO_SHORT:
        say_headers(fd, "200 OK", request, version, "");
        say_length(fd, content_size(request->path, version) / 2);
        send_body(fd, request->path, version, 0, content_size(request->path, version));
        return false;
    case WRONG_RANGE:
        answer_wrong_range(fd, request, version);
        return true;
    case ENDLESS_BODY:
        answer_endless(fd, request);
        return false;
    case ENDLESS_HEADERS:
        answer_endless_headers(fd);
        return false;
    case REDIRECT_LOOP:
        snprintf(loop, sizeof loop,
                 "HTTP/1.1 302 Found\r\nLocation: /around/1%s\r\nContent-Length: 0\r\n\r\n",
                 request->path);
        text = loop;
        break;
    case TOO_MANY:
        text = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 3\r\n\r\nno\n";
        break;
    case UNAVAILABLE:
        text =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 3\r\n\r\nno\n";
        break;
    case BROKEN:
        text = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nsorry\n";
        break;
    case GARBAGE:
        text = "\026\003\001\002 this is no HTTP \377\376\r\n\r\n";
        say(fd, text);
        return false;
    default:
        return false;
    }
    return say(fd, text);
}

/* Any fault. What cannot be seen without a checksum is for pages that have one. */
static enum fault choose_any(const char *path, uint64_t hash)
{
    enum fault fault = (enum fault)(hash % FAULT_COUNT);
    return fault == LENGTH_TOO_SHORT && !strstr(path, "/sum/") ? TRUNCATE : fault;
}

/* The fault that this answer is to have; FAULT_COUNT: none. */
static enum fault choose(const char *path, unsigned count)
{
    char name[32];
    unsigned times = 0;
    uint64_t hash = content_hash(seed + count * 7919, path, strlen(path));
    if (strncmp(path, "/mixed/", 7) == 0) {
        times = (unsigned)(content_hash(seed, path, strlen(path)) % 4);
        return count < times ? choose_any(path, hash) : FAULT_COUNT;
    }
    if (strncmp(path, "/never/", 7) == 0)
        return choose_any(path, hash);
    if (sscanf(path, "/%31[^/]/%u", name, &times) == 2 && count < times)
        for (int n = 0; n < FAULT_COUNT; n++)
            if (strcmp(name, faults[n]) == 0)
                return (enum fault)n;
    return FAULT_COUNT;
}

static bool answer_special(int fd, const struct request *request, bool *ret_special)
{
    char text[128], body[32];
    unsigned number;
    *ret_special = true;
    if (sscanf(request->path, "/version/%u", &number) == 1) {
        version_now = number;
        return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    const atomic_uint *number_of = strcmp(request->path, "/count") == 0         ? &injected
                                   : strcmp(request->path, "/requests") == 0    ? &requests
                                   : strcmp(request->path, "/connections") == 0 ? &connections
                                                                                : NULL;
    if (number_of) {
        int size = snprintf(body, sizeof body, "%u\n", *number_of);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body);
        return say(fd, text);
    }
    if (strncmp(request->path, "/around/", 8) == 0)
        return misbehave(fd, request, REDIRECT_LOOP, 0);
    if (strcmp(request->path, "/long-header") == 0)
        return answer_long_header(fd);
    *ret_special = false;
    return true;
}

static bool answer(int fd, const struct request *request)
{
    bool special;
    bool good = answer_special(fd, request, &special);
    if (special)
        return good;
    requests++;
    pthread_mutex_lock(&lock);
    struct visit *now = visit(request->path);
    enum fault fault = choose(request->path, now->count);
    unsigned version = version_now + now->version;
    now->count++;
    if (fault == CHANGE || fault == CHANGE_SILENTLY)
        now->version++;
    if (log_file)
        fprintf(log_file, "%s %s\n", fault == FAULT_COUNT ? "-" : faults[fault], request->path);
    pthread_mutex_unlock(&lock);
    if (fault == FAULT_COUNT)
        return answer_well(fd, request, version);
    injected++;
    return misbehave(fd, request, fault, version);
}

static void read_header(struct request *request, const char *line)
{
    unsigned long long first;
    if (strncasecmp(line, "Range:", 6) == 0 && sscanf(line + 6, " bytes=%llu-", &first) == 1) {
        request->ranged = true;
        request->first = first;
    } else if (strncasecmp(line, "If-Range:", 9) == 0) {
        sscanf(line + 9, " %127[^\r\n]", request->if_range);
    } else if (strncasecmp(line, "If-None-Match:", 14) == 0) {
        sscanf(line + 14, " %127[^\r\n]", request->if_none_match);
    }
}

static bool read_request(char *text, struct request *request)
{
    char method[16];
    *request = (struct request){0};
    if (sscanf(text, "%15s %2047s", method, request->path) != 2)
        return false;
    request->head = strcmp(method, "HEAD") == 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        read_header(request, line);
    return true;
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char *buffer = malloc(REQUEST_BYTES);
    size_t used = 0;
    while (buffer) {
        ssize_t size = recv(fd, buffer + used, REQUEST_BYTES - 1 - used, 0);
        if (size <= 0)
            break;
        used += (size_t)size;
        buffer[used] = '\0';
        char *end = strstr(buffer, "\r\n\r\n");
        if (!end && buffer[0] >= ' ' && used < REQUEST_BYTES - 1)
            continue;
        struct request request;
        if (!end || (*end = '\0', !read_request(buffer, &request))) {
            say(fd, "this is no TLS either");
            break;
        }
        used = 0;
        if (!answer(fd, &request))
            break;
    }
    free(buffer);
    connections--;
    close(fd);
    sem_post(&places);
    return NULL;
}

/* At every address of loopback: each of them is a host of its own. */
static int listen_all(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof name;
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &length) < 0) {
        perror("faulty");
        exit(3);
    }
    printf("%u\n", ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

/* A connection that came by another address than loopback's is nobody's. */
static bool is_from_here(int fd)
{
    struct sockaddr_in name = {0};
    socklen_t length = sizeof name;
    return !getsockname(fd, (struct sockaddr *)&name, &length) &&
           ntohl(name.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

int main(int argc, char **argv)
{
    unsigned most = 100000;
    for (int option; (option = getopt(argc, argv, "s:l:n:")) != -1;) {
        if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'l')
            log_file = fopen(optarg, "w");
        else if (option == 'n')
            most = (unsigned)strtoul(optarg, NULL, 10);
    }
    if (log_file)
        setvbuf(log_file, NULL, _IOLBF, 0);
    sem_init(&places, 0, most);
    int listener = listen_all();
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&small, (size_t)128 << 10);
    for (;;) {
        pthread_t thread;
        sem_wait(&places);
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 || !is_from_here(fd)) {
            if (fd >= 0)
                close(fd);
            sem_post(&places);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connections++;
        if (pthread_create(&thread, &small, serve, (void *)(intptr_t)fd) != 0) {
            connections--;
            close(fd);
            sem_post(&places);
        }
    }
}
