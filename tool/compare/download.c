#include "compare/download.h"

#include "origin/page.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A task's own errors tell in one number what happened: a kind, and beneath it a number of that
 * kind.
 */
enum download_error {
    ERROR_NUMBER = 0xffff,   /* the bits of the number */
    ERROR_CURL = 1 << 16,    /* curl's code in the low byte, the system's error in the high one */
    ERROR_STATUS = 2 << 16,  /* the HTTP status */
    ERROR_CONTENT = 3 << 16, /* other bytes, or another number of them, than the page has */
};

/* What a worker keeps: the handle, with its connections, and the download that it is busy with. */
struct session {
    CURL *handle;
    const struct download_settings *settings;
    const struct ovl_task *task;
    struct page page; /* what should come */
    bool wrong;       /* something else came */
    uint64_t bytes;
    uint64_t hash;
};

/* FNV-1a: the same wherever the chunks are cut. */
static uint64_t hash_bytes(uint64_t hash, const unsigned char *data, size_t size)
{
    for (size_t n = 0; n < size; n++)
        hash = (hash ^ data[n]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t take_bytes(char *data, size_t unit, size_t count, void *context)
{
    struct session *session = context;
    size_t size = unit * count;
    if (!session->settings->pages)
        session->hash = hash_bytes(session->hash, (const unsigned char *)data, size);
    else if (!page_matches(&session->page, session->bytes, data, size))
        session->wrong = true;
    session->bytes += size;
    return session->wrong ? 0 : size;
}

static int look_cancelled(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                          curl_off_t up_now)
{
    const struct session *session = context;
    (void)total, (void)now, (void)up_total, (void)up_now;
    return ovl_task_cancelled(session->task);
}

static long milliseconds(ovl_time ns)
{
    return (long)(ns / OVL_MILLISECOND);
}

static void set_limits(CURL *handle, const struct download_settings *settings)
{
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings->connect_ns));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, milliseconds(settings->total_ns));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)(settings->stall_ns / OVL_SECOND) + 1);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 20L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
}

static void set_handle(struct session *session)
{
    CURL *handle = session->handle;
    set_limits(handle, session->settings);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "overlap/" OVL_VERSION);
    curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, session);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_cancelled);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, session);
    /* The environment's proxy is for the world, not for the server beside us. */
    if (session->settings->pages)
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
}

int download_session_open(void *context, void **ret_session)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->settings = context;
    session->handle = curl_easy_init();
    if (!session->handle) {
        free(session);
        return -ENOMEM;
    }
    set_handle(session);
    *ret_session = session;
    return 0;
}

void download_session_close(void *context, void *opened)
{
    struct session *session = opened;
    (void)context;
    curl_easy_cleanup(session->handle);
    free(session);
}

/* The page that a URL of overlap's own server stands for: that of its path and query. */
static int expect_page(struct session *session, const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path)
        return -EINVAL;
    return page_find(path, strlen(path), 0, &session->page);
}

static int begin(struct session *session, const struct ovl_task *task, const char *url)
{
    session->task = task;
    session->wrong = false;
    session->bytes = 0;
    session->hash = UINT64_C(0xcbf29ce484222325);
    if (session->settings->pages) {
        int error = expect_page(session, url);
        if (error)
            return error;
    }
    return curl_easy_setopt(session->handle, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}

static int curl_error(const struct session *session, CURLcode code)
{
    long status = 0;
    long system = 0;
    if (session->wrong)
        return ERROR_CONTENT;
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        curl_easy_getinfo(session->handle, CURLINFO_RESPONSE_CODE, &status);
        return ERROR_STATUS | (int)(status & ERROR_NUMBER);
    }
    if (code == CURLE_COULDNT_CONNECT)
        curl_easy_getinfo(session->handle, CURLINFO_OS_ERRNO, &system);
    return ERROR_CURL | (int)(system & 0xff) << 8 | (int)(code & 0xff);
}

int download(struct ovl_task *task, struct ovl_bytes item)
{
    struct session *session = ovl_task_session(task);
    int error = begin(session, task, item.data);
    if (error)
        return error;
    CURLcode code = curl_easy_perform(session->handle);
    if (code != CURLE_OK)
        return curl_error(session, code);
    if (session->settings->pages && session->bytes != session->page.size)
        return ERROR_CONTENT;

    long status = 0;
    curl_easy_getinfo(session->handle, CURLINFO_RESPONSE_CODE, &status);
    const struct download_result result = {
        .bytes = session->bytes,
        .hash = session->hash,
        .status = (int)status,
        .verified = session->settings->pages,
    };
    return ovl_task_return(task, &result, sizeof result);
}

static const char *curl_remedy(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return "; is a server running there, and is the port right?";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "; check the host's name and the network";
    case CURLE_OPERATION_TIMEDOUT:
        return "; give it longer with --timeout, or fewer --workers";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; its certificate is not trusted here";
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "; only http and https are downloaded";
    case CURLE_OUT_OF_MEMORY:
        return "; give fewer --workers";
    default:
        return "";
    }
}

static void describe_curl(int number, char *buffer, size_t size)
{
    CURLcode code = (CURLcode)(number & 0xff);
    int system = number >> 8;
    snprintf(buffer, size, "%s%s%s%s", curl_easy_strerror(code), system ? ": " : "",
             system ? strerror(system) : "", curl_remedy(code));
}

void download_describe_error(int error, char *buffer, size_t size)
{
    int number = error & ERROR_NUMBER;
    switch (error > 0 ? error & ~ERROR_NUMBER : 0) {
    case ERROR_CURL:
        describe_curl(number, buffer, size);
        return;
    case ERROR_STATUS:
        snprintf(buffer, size, "the server answered with status %d; check the URL", number);
        return;
    case ERROR_CONTENT:
        snprintf(buffer, size,
                 "the server sent other bytes than the page has; is something "
                 "between overlap and its server?");
        return;
    default:
        snprintf(buffer, size, "%s", ovl_error_message(error));
    }
}
