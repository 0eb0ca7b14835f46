/* The server as a child process: its CPU time is not its parent's. */
#ifndef TOOL_ORIGIN_CHILD_H
#define TOOL_ORIGIN_CHILD_H

#include "origin/server.h"

#include <sys/types.h>

/* Two sites on loopback: one process, two ports. */
#define CHILD_SITES 2

struct origin_child {
    pid_t pid;
    int ready; /* for child_wait_ready, -1 after it */
    uint16_t ports[CHILD_SITES];
};

/*
 * Starts it, and does not wait until it serves. It ends with child_end, or when its parent's main
 * thread ends. Ctrl-C does not reach it. Call it before any thread is started.
 *
 * Errors: -errno.
 */
int child_start(const struct server_settings *settings, struct origin_child *ret_child);

/* Waits until it serves: once. Errors: -ECHILD where it ended before; those of server_run. */
int child_wait_ready(struct origin_child *child);

/* Ends it and waits until it is gone. */
void child_end(struct origin_child *child);

#endif
