#include "fetch/solo.h"

#include "fetch/frugal.h"

#include <overlap.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>

/* As many connections to different hosts as an easy handle keeps. */
#define CONNECTIONS 5L

/* The transfer's callbacks look after interrupts: so often, at the least. */
#define LONGEST_MS 1000L

CURLM *solo_new(void)
{
    CURLM *multi = frugal_multi_init();
    if (multi)
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS);
    return multi;
}

/* The one socket that something is to come from, where nothing else is waited for; or -1. Sockets
 * beyond what a set can hold are not in it. */
static int only_source(CURLM *multi)
{
    static const fd_set none;
    fd_set reads = none, writes = none, exceptions = none;
    int most;
    if (curl_multi_fdset(multi, &reads, &writes, &exceptions, &most) != CURLM_OK || most < 0)
        return -1;
    bool read = FD_ISSET(most, &reads);
    FD_CLR(most, &reads);
    bool alone =
        memcmp(&reads, &none, sizeof none) == 0 && memcmp(&writes, &none, sizeof none) == 0;
    return read && alone ? most : -1;
}

static CURLcode wait_for_socket(int fd, long milliseconds)
{
    int error = ovl_wait_fd(fd, POLLIN, ovl_after(milliseconds * OVL_MILLISECOND));
    if (error == OVL_ECANCELED)
        return CURLE_ABORTED_BY_CALLBACK;
    return error && error != OVL_ETIMEDOUT ? CURLE_OUT_OF_MEMORY : CURLE_OK;
}

/* Waits until there is something to do, or a timer of the transfer is due. */
static CURLcode wait_for_more(CURLM *multi)
{
    long milliseconds = -1;
    curl_multi_timeout(multi, &milliseconds);
    if (milliseconds == 0)
        return CURLE_OK;
    if (milliseconds < 0 || milliseconds > LONGEST_MS)
        milliseconds = LONGEST_MS;
    int fd = only_source(multi);
    /* What came last has just been looked for: the socket is waited for without another look. */
    if (fd >= 0)
        return wait_for_socket(fd, milliseconds);
    bool waited = curl_multi_wait(multi, NULL, 0, (int)milliseconds, NULL) == CURLM_OK;
    return waited ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

static CURLcode result_of(CURLM *multi)
{
    int left;
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    return message ? message->data.result : CURLE_OUT_OF_MEMORY;
}

CURLcode solo_perform(CURLM *multi, CURL *handle)
{
    int running = 1;
    CURLcode code = CURLE_OK;
    if (curl_multi_add_handle(multi, handle) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (running && code == CURLE_OK) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            code = CURLE_OUT_OF_MEMORY;
        else if (running)
            code = wait_for_more(multi);
    }
    if (code == CURLE_OK)
        code = result_of(multi);
    curl_multi_remove_handle(multi, handle);
    return code;
}
