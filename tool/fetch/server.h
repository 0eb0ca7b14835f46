/* What an answer tells of how its server wants to be treated. */
#ifndef TOOL_FETCH_SERVER_H
#define TOOL_FETCH_SERVER_H

#include "fetch/attempt.h"

#include <stdbool.h>

/* Reads Retry-After, RateLimit and X-RateLimit headers of a curl handle's last answer. */
void server_look(void *handle, int status, struct reply *reply);

/*
 * Seconds that a Retry-After header asks for, a number or a date; `now` is in seconds since 1970.
 * Negative: it cannot be read.
 */
double server_retry_after(const char *value, double now);

/*
 * Reads a RateLimit header, in the forms `limit=10, remaining=0, reset=5` and `"name";r=0;t=5`.
 * False: it does not tell both.
 */
bool server_rate_limit(const char *value, double *ret_remaining, double *ret_reset);

#endif
