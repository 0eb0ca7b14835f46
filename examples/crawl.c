/*
 * A crawler: downloads a page, the pages of the same site that it links to, and theirs, down to a
 * depth, each once, many at a time in one thread.
 *
 *     crawl URL [DEPTH]
 */
#include <curl/curl.h>
#include <errno.h>
#include <overlap.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AT_A_TIME  32
#define PAGE_MAX   (4u << 20)
#define TIMEOUT_MS 30000L
#define PAGES_MAX  100000u
#define TOO_LONG   1000 /* the task's own error, beside curl's */

struct page {
    char *url;
    unsigned depth;
};

struct crawl {
    char *site;         /* what every URL begins with: http://host:port/ */
    struct page *pages; /* all that were found, the next ones to be given at the end */
    size_t count;
    size_t room;
    size_t given;
    size_t ended;
    size_t failed;
    unsigned depth_max;
    void *seen; /* a tree of URLs */
};

/* --- the task: a page's text --- */

static int session_open(void *context, void **ret_session)
{
    (void)context;
    *ret_session = curl_easy_init();
    return *ret_session ? 0 : -ENOMEM;
}

static void session_close(void *context, void *session)
{
    (void)context;
    curl_easy_cleanup(session);
}

struct reader {
    struct ovl_task *task;
    size_t size;
    int error;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct reader *reader = context;
    reader->size += size * count;
    reader->error =
        reader->size > PAGE_MAX ? TOO_LONG : ovl_task_append(reader->task, data, size * count);
    return reader->error ? 0 : size * count;
}

static int download(struct ovl_task *task, struct ovl_bytes item)
{
    CURL *curl = ovl_task_session(task);
    struct reader reader = {.task = task};
    curl_easy_setopt(curl, CURLOPT_URL, (const char *)item.data);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reader);
    CURLcode code = curl_easy_perform(curl);
    return reader.error ? reader.error : (int)code;
}

/* --- the pages that are known --- */

static int compare_urls(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void nothing(void *url)
{
    (void)url;
}

/* Takes the URL over; one that was seen, or is of another site, is dropped. */
static void add(struct crawl *crawl, char *url, unsigned depth)
{
    bool own = url && !strncmp(url, crawl->site, strlen(crawl->site));
    if (!own || crawl->count == PAGES_MAX || tfind(url, &crawl->seen, compare_urls)) {
        free(url);
        return;
    }
    if (crawl->count == crawl->room) {
        size_t room = crawl->room ? 2 * crawl->room : 64;
        struct page *pages = reallocarray(crawl->pages, room, sizeof *pages);
        if (!pages) {
            free(url);
            return;
        }
        crawl->pages = pages;
        crawl->room = room;
    }
    tsearch(url, &crawl->seen, compare_urls);
    crawl->pages[crawl->count++] = (struct page){.url = url, .depth = depth};
}

/* `link` as seen from the page `base`, without its fragment; NULL: it is none. */
static char *resolve(const char *base, const char *link)
{
    CURLU *parts = curl_url();
    char *found = NULL;
    char *url = NULL;
    if (parts && !curl_url_set(parts, CURLUPART_URL, base, 0) &&
        !curl_url_set(parts, CURLUPART_URL, link, 0) &&
        !curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) &&
        !curl_url_get(parts, CURLUPART_URL, &found, 0))
        url = strdup(found);
    curl_free(found);
    curl_url_cleanup(parts);
    return url;
}

/* Adds what stands in each href="…" of the text. */
static void add_links(struct crawl *crawl, size_t index, const char *text, size_t size)
{
    static const char mark[] = "href=\"";
    unsigned depth = crawl->pages[index].depth + 1;
    const char *end = text + size;
    while ((text = memmem(text, (size_t)(end - text), mark, sizeof mark - 1))) {
        text += sizeof mark - 1;
        const char *quote = memchr(text, '"', (size_t)(end - text));
        if (!quote)
            return;
        char *link = strndup(text, (size_t)(quote - text));
        if (link)
            add(crawl, resolve(crawl->pages[index].url, link), depth);
        free(link);
        text = quote;
    }
}

/* --- the stream: pages to be downloaded, and those that were --- */

static int next_page(void *context, struct ovl_bytes *ret_item)
{
    struct crawl *crawl = context;
    if (crawl->given == crawl->count) /* the pages under way may have links */
        return crawl->ended == crawl->given ? 0 : OVL_STREAM_LATER;
    const char *url = crawl->pages[crawl->given++].url;
    *ret_item = (struct ovl_bytes){url, strlen(url) + 1};
    return 1;
}

static int take_page(void *context, size_t index, const struct ovl_outcome *outcome,
                     struct ovl_bytes result)
{
    struct crawl *crawl = context;
    const struct page *page = &crawl->pages[index];
    crawl->ended++;
    if (outcome->error) {
        fprintf(stderr, "crawl: %s: %s\n", page->url,
                outcome->error == TOO_LONG ? "it is too long"
                : outcome->error > 0       ? curl_easy_strerror((CURLcode)outcome->error)
                                           : ovl_error_message(outcome->error));
        crawl->failed++;
        return 0;
    }
    printf("%u %zu %s\n", page->depth, result.size, page->url);
    if (page->depth < crawl->depth_max)
        add_links(crawl, index, result.data, result.size);
    return 0;
}

static char *site_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t length = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
    char *site = length ? malloc(length + 2) : NULL;
    if (site)
        snprintf(site, length + 2, "%.*s/", (int)length, url);
    return site;
}

int main(int argc, char *argv[])
{
    struct crawl crawl = {.depth_max = argc > 2 ? (unsigned)atoi(argv[2]) : 1};
    char *start = argc == 2 || argc == 3 ? resolve(argv[1], argv[1]) : NULL;
    crawl.site = start ? site_of(start) : NULL;
    if (!crawl.site || strncasecmp(start, "http", 4)) {
        fputs("usage: crawl URL [DEPTH]\n", stderr);
        free(start);
        free(crawl.site);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_ALL);
    add(&crawl, start, 0);

    struct ovl_options options = {
        .workers = AT_A_TIME, .session_open = session_open, .session_close = session_close};
    struct ovl_stream stream = {
        .next = next_page, .each = take_page, .context = &crawl, .as_completed = true};
    struct ovl_executor *executor = NULL;
    int error = ovl_executor_open(OVL_ASYNC, &options, &executor);
    if (!error)
        error = ovl_map_stream(executor, download, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    fprintf(stderr, "%zu pages, %zu failed\n", crawl.given, crawl.failed);
    tdestroy(crawl.seen, nothing);
    for (size_t i = 0; i < crawl.count; i++)
        free(crawl.pages[i].url);
    free(crawl.pages);
    free(crawl.site);
    curl_global_cleanup();
    return error && error != OVL_ETASKS ? 3 : crawl.failed ? 1 : 0;
}
