/*
 * The server: accepts connections in one task of an executor of the async model, and serves each in
 * another. Both are plain blocking code.
 */
#ifndef TOOL_ORIGIN_SERVER_H
#define TOOL_ORIGIN_SERVER_H

#include <overlap/executor.h>
#include <overlap/time.h>
#include <stddef.h>
#include <stdint.h>

/* As many coroutines as an executor has, less the one that accepts. */
#define SERVER_CONNECTIONS_MAX (OVL_COROUTINES_MAX - 1)

struct server_settings {
    ovl_time latency_ns;  /* before each answer */
    ovl_time idle_ns;     /* how long a connection may ask for nothing */
    ovl_time head_ns;     /* how long a request's head may take, from its first byte on */
    ovl_time stall_ns;    /* how long an answer may wait for its reader */
    uint64_t page_size;   /* bytes, of pages that name no size */
    unsigned connections; /* served at once; more wait to be accepted */

    /* Called once it serves; another number than 0 ends the server with it. NULL: nothing is. */
    int (*ready)(void *context);
    void *ready_context;
};

/* Limits that end every idle and every slow connection; no latency. */
struct server_settings server_defaults(void);

struct server_counts {
    uint64_t connections;
    uint64_t requests; /* that were answered */
};

/*
 * Serves what connects to the listeners until `stop_fd` can be read, then ends what is being
 * served: within half a second, whatever the readers do. Where some did not end by then the
 * executor is left behind with them: the process should end.
 *
 * Errors: those of ovl_executor_open and of poll, and what `ready` returned; *ret_counts is
 * untouched then.
 */
int server_run(const struct server_settings *settings, const int *listeners, size_t count,
               int stop_fd, struct server_counts *ret_counts);

#endif
