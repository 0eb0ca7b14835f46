/* One connection: from its first request to its end. */
#ifndef TOOL_ORIGIN_CONNECTION_H
#define TOOL_ORIGIN_CONNECTION_H

#include "origin/server.h"

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Serves a connected socket until its peer, a limit or an error ends it. Blocks: run it as a task
 * of its own. Counts each answer in *requests; *idle is true while no request has begun to arrive
 * after an answer. Does not close the socket.
 *
 * Errors: -ENOMEM: nothing was served.
 */
int connection_serve(int fd, const struct server_settings *settings, _Atomic uint64_t *requests,
                     _Atomic bool *idle);

#endif
