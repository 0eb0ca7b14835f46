/*
 * A multi handle that holds no descriptors of its own. libcurl gives each one some by which another
 * thread can wake it; nobody does that here, and with thousands of handles they are what runs out.
 */
#ifndef TOOL_FETCH_FRUGAL_H
#define TOOL_FETCH_FRUGAL_H

#include <curl/curl.h>
#include <stddef.h>

/* As curl_multi_init: where this libcurl cannot do without those descriptors, it has them. */
CURLM *frugal_multi_init(void);

/* How many descriptors each of these handles holds. Makes one to see. */
size_t frugal_multi_descriptors(void);

#endif
