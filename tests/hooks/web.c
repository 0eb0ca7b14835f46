/*
 * Downloads URL from a web server in hundreds of coroutines of one thread, by http and by https,
 * and holds what comes against FILE: web HTTP-URL HTTPS-URL CA-FILE FILE.
 */
#include "../support/cases.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOWNLOADS SCALE(300, 60)
#define EACH      3 /* over one kept connection */
#define BYTES     100000

static const char *urls[2];
static const char *ca_file;
static char expected[BYTES];

struct page {
    char bytes[BYTES + 1];
    size_t size;
};

static size_t take(char *bytes, size_t size, size_t count, void *argument)
{
    struct page *page = argument;
    size *= count;
    if (size > sizeof page->bytes - page->size)
        return 0;
    memcpy(page->bytes + page->size, bytes, size);
    page->size += size;
    return size;
}

static int download(CURL *curl, struct page *page)
{
    page->size = 0;
    CURLcode code = curl_easy_perform(curl);
    if (code) {
        fprintf(stderr, "web: %s\n", curl_easy_strerror(code));
        return -EIO;
    }
    return page->size == BYTES && !memcmp(page->bytes, expected, BYTES) ? 0 : -EBADMSG;
}

static int download_all(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    struct page *page = malloc(sizeof *page);
    CURL *curl = curl_easy_init();
    if (!page || !curl)
        return -ENOMEM;
    curl_easy_setopt(curl, CURLOPT_URL, urls[*(const int *)item.data]);
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, page);
    int error = 0;
    for (int i = 0; i < EACH && !error; i++)
        error = download(curl, page);
    curl_easy_cleanup(curl);
    free(page);
    board->mark[atomic_fetch_add(&board->number[0], 1)] = gettid();
    return error;
}

/* Every second one is secret. */
static void web_pages_are_downloaded(void)
{
    struct ovl_executor *executor = NULL;
    struct ovl_options options = {.workers = (unsigned)DOWNLOADS};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    struct ovl_future *futures[SCALE(300, 60)];
    for (int i = 0; i < DOWNLOADS; i++) {
        int way = i % 2;
        struct ovl_bytes item = {.data = &way, .size = sizeof way};
        assert_int_equal(ovl_submit(executor, download_all, item, &futures[i]), 0);
    }
    for (int i = 0; i < DOWNLOADS; i++) {
        assert_int_equal(ovl_future_result(futures[i], NULL), 0);
        ovl_future_free(futures[i]);
    }
    for (int i = 1; i < DOWNLOADS; i++)
        assert_int_equal(board->mark[i], board->mark[0]);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    urls[0] = argv[1];
    urls[1] = argv[2];
    ca_file = argv[3];
    int fd = open(argv[4], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, expected, BYTES) != BYTES)
        return 2;
    close(fd);
    const struct test_case cases[] = {TEST_CASE(web_pages_are_downloaded)};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = run_cases("web", cases, COUNT_OF(cases), NULL);
    curl_global_cleanup();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
