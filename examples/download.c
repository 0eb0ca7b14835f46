#include "download.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPETITIONS   80
#define REDIRECTS_MAX 20L
#define CONNECT_MS    10000L
#define DOWNLOAD_MS   60000L

static _Noreturn void refuse(const char *program, const char *url)
{
    if (url)
        fprintf(stderr, "%s: \"%s\" is not a URL of http or https\n", program, url);
    fprintf(stderr,
            "usage: %s URL...\n"
            "Downloads each URL %d times, such as: %s http://localhost:8000/\n",
            program, REPETITIONS, program);
    exit(2);
}

static bool is_web_url(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    bool web = parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
               !curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) &&
               (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
    curl_free(scheme);
    curl_url_cleanup(parts);
    return web;
}

struct sites sites_from(int argc, char *argv[])
{
    if (curl_global_init(CURL_GLOBAL_ALL)) {
        fprintf(stderr, "%s: libcurl cannot be started; is there memory left?\n", argv[0]);
        exit(3);
    }
    if (argc < 2)
        refuse(argv[0], NULL);
    for (int i = 1; i < argc; i++) {
        if (!is_web_url(argv[i]))
            refuse(argv[0], argv[i]);
    }
    size_t url_count = (size_t)argc - 1;
    return (struct sites){
        .program = argv[0],
        .urls = argv + 1,
        .url_count = url_count,
        .count = url_count * REPETITIONS,
    };
}

static size_t count_bytes(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    size_t *total = context;
    *total += size * count;
    return size * count;
}

int session_open(void *context, void **ret_session)
{
    (void)context;
    CURL *curl = curl_easy_init();
    if (!curl)
        return -ENOMEM;
    /* Signals are the whole process's, and timeouts by SIGALRM would end other workers' downloads.
     */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, DOWNLOAD_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, count_bytes);
    *ret_session = curl;
    return 0;
}

void session_close(void *context, void *session)
{
    (void)context;
    curl_easy_cleanup(session);
}

int download_site(struct ovl_task *task, struct ovl_bytes item)
{
    CURL *curl = ovl_task_session(task);
    size_t bytes = 0;
    curl_easy_setopt(curl, CURLOPT_URL, (const char *)item.data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
    CURLcode code = curl_easy_perform(curl);
    if (code)
        return (int)code;

    /* An answer from 400 on is an error too. CURLcodes end below 100, so that one int tells both.
     */
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return (int)status;
    return ovl_task_return(task, &bytes, sizeof bytes);
}

int next_site(void *context, struct ovl_bytes *ret_item)
{
    struct sites *sites = context;
    if (sites->given == sites->count)
        return 0;
    const char *url = sites->urls[sites->given++ % sites->url_count];
    *ret_item = (struct ovl_bytes){.data = url, .size = strlen(url) + 1};
    return 1;
}

static void print_failure(const char *program, const char *url, const struct ovl_outcome *outcome)
{
    char text[200];
    if (outcome->error >= 400)
        snprintf(text, sizeof text, "the server answered %d", outcome->error);
    else if (outcome->error > 0)
        snprintf(text, sizeof text, "%s", curl_easy_strerror((CURLcode)outcome->error));
    else
        ovl_outcome_text(outcome, text, sizeof text);
    fprintf(stderr, "%s: %s: %s\n", program, url, text);
}

int print_site(void *context, size_t index, const struct ovl_outcome *outcome,
               struct ovl_bytes result)
{
    struct sites *sites = context;
    const char *url = sites->urls[index % sites->url_count];
    if (outcome->error) {
        sites->failed++;
        print_failure(sites->program, url, outcome);
        return 0;
    }
    size_t bytes = 0;
    memcpy(&bytes, result.data, sizeof bytes);
    sites->done++;
    printf("Read %zu from %s\n", bytes, url);
    return 0;
}

int sites_report(const struct sites *sites, int error, ovl_time duration)
{
    curl_global_cleanup();
    printf("Downloaded %zu in %.4f seconds\n", sites->done, (double)duration / OVL_SECOND);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "%s: standard output cannot be written: is it closed, or its disk full?\n",
                sites->program);
        return 3;
    }
    if (error && error != OVL_ETASKS) {
        fprintf(stderr,
                "%s: %s; %zu of %zu downloads were not started: free what is short, and "
                "call it again\n",
                sites->program, ovl_error_message(error),
                sites->count - sites->done - sites->failed, sites->count);
        return 3;
    }
    if (sites->failed)
        fprintf(stderr, "%s: %zu of %zu downloads failed\n", sites->program, sites->failed,
                sites->count);
    return sites->failed ? 1 : 0;
}
