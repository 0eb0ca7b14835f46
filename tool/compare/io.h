/* The I/O-bound program: downloads from two sites of overlap's own server, or from URLs that were
 * given. */
#ifndef TOOL_COMPARE_IO_H
#define TOOL_COMPARE_IO_H

#include "compare/download.h"
#include "compare/program.h"
#include "origin/child.h"

#include <stddef.h>
#include <stdint.h>

#define IO_URLS_MAX 1024

struct io {
    /* As asked for. */
    size_t downloads;
    ovl_time latency_ns;
    uint64_t page_size;
    ovl_time timeout_ns;
    const char *given[IO_URLS_MAX]; /* URLs; taken in turns */
    size_t given_count;             /* 0: the own server's */

    /* Made by io_open. */
    struct download_settings settings;
    struct origin_child child;
    struct io_url *urls;
    size_t url_count;
    size_t workers_most; /* that there are descriptors for */
    size_t changed;      /* downloads of a given URL whose bytes were not those of its first */
};

/* Adds a URL to those given, as an option is taken: 0, or -1 once it has said what is wrong with
 * it. */
int io_take_url(void *io, const char *text);

/*
 * Starts the server where the URLs are its own, and makes the list of what to download. Call it
 * before any thread is started.
 *
 * Ownership: io_close. Errors: -ENOMEM; those of child_start.
 */
int io_open(struct io *io);

/* Ends the server alone: for when tasks may still be running. Threads: any. */
void io_end_server(struct io *io);

/* Ends the server, and frees what io_open made. What was never opened is left alone. */
void io_close(struct io *io);

/* The program; `io` is open and outlives it. */
struct program io_program(struct io *io);

#endif
