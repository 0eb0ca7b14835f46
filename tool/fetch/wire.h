/* What libcurl is told: of all transfers, and of one request. */
#ifndef TOOL_FETCH_WIRE_H
#define TOOL_FETCH_WIRE_H

#include "fetch/transfer.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Sets what all transfers of a handle have in common. */
void wire_set_all(CURL *handle, const struct transfer_context *context);

/* Whether a URL's transfer is to go with others: by TLS what the server speaks is known once a
 * connection stands, and until then nothing can be lost by waiting for it. */
bool wire_shares(const struct transfer_context *context, const char *url);

/* Whether a request needs more than its URL. */
bool wire_is_special(const struct order *order);

/* Sets all that may differ from request to request, but for the URL. *ret_headers, which must be
 * NULL, is to be freed when the handle has other ones. False: no memory. */
bool wire_set_request(CURL *handle, const struct transfer_context *context,
                      const struct order *order, struct curl_slist **ret_headers);

#endif
