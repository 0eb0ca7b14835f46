#include "compare/io.h"

#include "report/console.h"
#include "system/limits.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A connection on loopback, or to the other end of the world, is there by then. */
#define CONNECT_NS (10 * OVL_SECOND)
#define STALL_NS   (30 * OVL_SECOND)

/* What a worker holds open at most: curl's own two, and a connection to each of the sites. */
#define WORKER_DESCRIPTORS (2 + CHILD_SITES)

/* What is open besides. */
#define OTHER_DESCRIPTORS 64

struct io_url {
    char *text;
    uint64_t hash; /* of the first body that came from it */
    bool seen;
};

/* What is wrong with a URL, in a few words; NULL: nothing. */
static const char *url_fault(const char *text)
{
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return "it does not begin with http:// or https://";
    CURLU *url = curl_url();
    if (!url)
        return "there is no memory to look at it";
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);
    curl_url_cleanup(url);
    return code == CURLUE_OK ? NULL : curl_url_strerror(code);
}

int io_take_url(void *target, const char *text)
{
    struct io *io = target;
    const char *fault = url_fault(text);
    if (fault) {
        console_error("--url '%s': not a URL: %s; give one such as http://127.0.0.1:8080/page",
                      text, fault);
        return -1;
    }
    if (io->given_count == IO_URLS_MAX) {
        console_error("--url '%s': %d URLs are the most", text, IO_URLS_MAX);
        return -1;
    }
    io->given[io->given_count++] = text;
    return 0;
}

static void free_urls(struct io *io)
{
    for (size_t n = 0; n < io->url_count; n++)
        free(io->urls[n].text);
    free(io->urls);
    io->urls = NULL;
    io->url_count = 0;
}

/* The n-th page of the own server: its sites take turns. */
static char *page_url(const struct io *io, size_t n)
{
    size_t site = n % CHILD_SITES;
    char *url;
    int size = asprintf(&url, "http://127.0.0.1:%u/site-%zu/page-%zu?size=%" PRIu64,
                        io->child.ports[site], site + 1, n / CHILD_SITES + 1, io->page_size);
    return size < 0 ? NULL : url;
}

static int make_urls(struct io *io)
{
    size_t count = io->given_count ? io->given_count : io->downloads;
    io->urls = calloc(count, sizeof *io->urls);
    if (!io->urls)
        return -ENOMEM;
    for (; io->url_count < count; io->url_count++) {
        char *url =
            io->given_count ? strdup(io->given[io->url_count]) : page_url(io, io->url_count);
        if (!url) {
            free_urls(io);
            return -ENOMEM;
        }
        io->urls[io->url_count].text = url;
    }
    return 0;
}

static int start_server(struct io *io)
{
    struct server_settings settings = server_defaults();
    settings.latency_ns = io->latency_ns;
    settings.page_size = io->page_size;
    /* Every worker of a model may hold a connection to each of the sites. */
    size_t connections = io->downloads * CHILD_SITES + 16;
    if (connections > settings.connections)
        settings.connections =
            connections > SERVER_CONNECTIONS_MAX ? SERVER_CONNECTIONS_MAX : (unsigned)connections;
    /* A model may take long about the others' tasks while a connection asks for nothing. */
    settings.idle_ns = 600 * OVL_SECOND;
    return child_start(&settings, &io->child);
}

/* How many workers there are descriptors for. */
static size_t find_workers_most(void)
{
    size_t descriptors = limits_raise_descriptors();
    if (descriptors <= OTHER_DESCRIPTORS + WORKER_DESCRIPTORS)
        return 1;
    size_t workers = (descriptors - OTHER_DESCRIPTORS) / WORKER_DESCRIPTORS;
    return workers < OVL_COROUTINES_MAX ? workers : OVL_COROUTINES_MAX;
}

int io_open(struct io *io)
{
    io->workers_most = find_workers_most();
    io->settings = (struct download_settings){
        .pages = io->given_count == 0,
        .connect_ns = CONNECT_NS < io->timeout_ns ? CONNECT_NS : io->timeout_ns,
        .stall_ns = STALL_NS + io->latency_ns,
        .total_ns = io->timeout_ns + io->latency_ns,
    };
    if (io->downloads == 0)
        return 0;
    int error = io->settings.pages ? start_server(io) : 0;
    if (error)
        return error;
    /* libcurl is loaded here, which takes longer than the server to be ready. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        error = -ENOMEM;
    if (!error)
        error = make_urls(io);
    if (!error && io->settings.pages)
        error = child_wait_ready(&io->child);
    if (error)
        io_close(io);
    return error;
}

void io_end_server(struct io *io)
{
    if (io->child.pid > 0)
        child_end(&io->child);
    io->child.pid = 0;
}

void io_close(struct io *io)
{
    io_end_server(io);
    free_urls(io);
}

static struct io_url *url_of(const struct io *io, size_t index)
{
    return &io->urls[index % io->url_count];
}

static void item(void *self, size_t index, struct ovl_bytes *ret_item)
{
    const char *url = url_of(self, index)->text;
    *ret_item = (struct ovl_bytes){.data = url, .size = strlen(url) + 1};
}

/* Of given URLs nobody knows the bytes beforehand: what came first is what is expected from then
 * on. */
static void compare_bodies(struct io *io, struct io_url *url, uint64_t hash)
{
    if (!url->seen) {
        url->seen = true;
        url->hash = hash;
    } else if (url->hash != hash) {
        io->changed++;
    }
}

static int check(void *self, size_t index, struct ovl_bytes result)
{
    struct io *io = self;
    struct download_result download;
    if (result.size != sizeof download)
        return -EBADMSG;
    memcpy(&download, result.data, sizeof download);
    if (io->settings.pages)
        return download.verified && download.bytes == io->page_size ? 0 : -EBADMSG;
    compare_bodies(io, url_of(io, index), download.hash);
    return 0;
}

static void describe_item(void *self, size_t index, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s", url_of(self, index)->text);
}

static void describe_error(void *self, int error, char *buffer, size_t size)
{
    (void)self;
    download_describe_error(error, buffer, size);
}

static void describe(void *self, char *buffer, size_t size)
{
    const struct io *io = self;
    const char *s = io->downloads == 1 ? "" : "s";
    if (io->given_count)
        snprintf(buffer, size, "%zu download%s of %zu URL%s", io->downloads, s, io->given_count,
                 io->given_count == 1 ? "" : "s");
    else
        snprintf(buffer, size, "%zu download%s, %g ms latency, %d sites", io->downloads, s,
                 (double)io->latency_ns / (double)OVL_MILLISECOND, CHILD_SITES);
}

struct program io_program(struct io *io)
{
    return (struct program){
        .name = "io",
        .nouns = "downloads",
        .count = io->downloads,
        .distinct = io->url_count,
        .task = download,
        .session_open = download_session_open,
        .session_close = download_session_close,
        .session_context = &io->settings,
        .spreads = true,
        .workers_most = io->workers_most,
        .self = io,
        .item = item,
        .check = check,
        .describe_item = describe_item,
        .describe_error = describe_error,
        .describe = describe,
    };
}
