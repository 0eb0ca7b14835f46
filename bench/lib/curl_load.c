/*
 * REQUESTS requests for URL by COROUTINES coroutines of one thread, each with a curl handle of its
 * own that it keeps: curl_easy_perform as in every program that knows nothing of coroutines.
 */
#include <curl/curl.h>
#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>

static const char *url;
static long left;
static long failed;

static size_t count_bytes(char *bytes, size_t size, size_t count, void *total)
{
    (void)bytes;
    *(size_t *)total += size * count;
    return size * count;
}

static int fetch(void *argument)
{
    size_t total = 0;
    (void)argument;
    CURL *curl = curl_easy_init();
    if (!curl)
        return -ENOMEM;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &total);
    while (left-- > 0)
        if (curl_easy_perform(curl))
            failed++;
    curl_easy_cleanup(curl);
    return 0;
}

static int fetch_all(void *argument)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (long i = 0; i < *(const long *)argument && !error; i++)
        error = ovl_group_go(group, fetch, NULL);
    int first = ovl_group_close(group);
    return error ? error : first;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: curl_load COROUTINES REQUESTS URL\n");
        return 2;
    }
    long coroutines = atol(argv[1]);
    left = atol(argv[2]);
    url = argv[3];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    ovl_time began = ovl_now();
    int error = ovl_run(fetch_all, &coroutines, NULL);
    double seconds = (double)(ovl_now() - began) / OVL_SECOND;
    if (error || failed) {
        fprintf(stderr, "%ld requests failed: %s\n", failed, ovl_error_message(error));
        return 1;
    }
    printf("Duration %.6f seconds\n", seconds);
    return 0;
}
