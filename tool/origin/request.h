/* HTTP/1.1 requests: reading the head of one. Knows nothing of sockets. */
#ifndef TOOL_ORIGIN_REQUEST_H
#define TOOL_ORIGIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The largest head that is read: request line and headers, in bytes. */
#define REQUEST_HEAD_MAX 16384

enum request_method {
    REQUEST_GET,
    REQUEST_HEAD,
    REQUEST_OTHER,
};

struct request {
    enum request_method method;
    const char *target; /* path and query, within the bytes that were read; or a constant "/" */
    size_t target_length;
    bool keep_alive;
    bool body; /* a body follows the head */
};

/*
 * Reads the request that `data` begins with.
 *
 * Returns the length of its head; 0 where the head has not ended yet and can still become one; or a
 * negative HTTP status: -400 it is malformed, -431 it is too large, -505 its version is not 1.x.
 */
ssize_t request_parse(const char *data, size_t size, struct request *ret_request);

#endif
