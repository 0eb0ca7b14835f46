/*
 * The carrier: curl_easy_perform for many tasks of one thread, which share their connections.
 *
 * Each caller waits for its own transfer alone, as it would in curl_easy_perform. One of them, the
 * driver, waits for the sockets of all in their place; when its own transfer ends, another takes
 * that over. By HTTP/2, transfers to one host go over one connection.
 */
#ifndef TOOL_FETCH_CARRIER_H
#define TOOL_FETCH_CARRIER_H

#include <curl/curl.h>
#include <overlap.h>
#include <stdbool.h>

struct carrier;

/* One handle on its way. Its session has it as long as the handle; the fields are the
 * carrier's. */
struct ride {
    CURL *handle;
    CURLM *multi;
    struct ovl_event *woken; /* it ended, or is to drive */
    struct ride *next;       /* of those that are on their way */
    struct ride *previous;
    CURLcode code;
    bool patient; /* waits for the host's first connection, which may be one for all */
    bool waits;   /* for a turn, to be added */
    bool leaves;  /* as soon as a turn ends */
    bool added;
    bool done;
};

/* Ownership: carrier_free, once all rides were released. Errors: -ENOMEM, -errno. */
int carrier_new(struct carrier **ret_carrier);

/* NULL is allowed. */
void carrier_free(struct carrier *carrier);

/* Gives a handle a seat for good; its options are the caller's, but CURLOPT_PRIVATE and those of
 * sockets. Errors: -ENOMEM. */
int carrier_seat(struct carrier *carrier, CURL *handle, struct ride *ret_ride);
void carrier_release(struct ride *ride);

/*
 * As curl_easy_perform. `patient`: where the host's first connection is being made, that is waited
 * for, since it may be enough; in vain, where it comes to nothing. What the handle's callbacks do
 * holds up all others: they are not to wait. CURLE_ABORTED_BY_CALLBACK where the task was
 * cancelled.
 */
CURLcode carrier_perform(struct carrier *carrier, struct ride *ride, bool patient);

#endif
