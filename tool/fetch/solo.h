/*
 * A transfer that goes by itself: curl_easy_perform, which asks the system for less. That looks
 * before it begins whether something came, and watches besides the connection a descriptor by which
 * other threads could wake it: here there is none.
 */
#ifndef TOOL_FETCH_SOLO_H
#define TOOL_FETCH_SOLO_H

#include <curl/curl.h>

/* Has the connections of one handle, as that would have them. Ownership: curl_multi_cleanup, after
 * the handle's end. NULL: there is no memory. */
CURLM *solo_new(void);

/*
 * As curl_easy_perform, for a handle that is given nobody else. Under async the task gives way
 * while it waits; so it does where the handle's callbacks wait.
 *
 * Errors: those of libcurl; CURLE_ABORTED_BY_CALLBACK where the task was cancelled.
 */
CURLcode solo_perform(CURLM *multi, CURL *handle);

#endif
