/*
 * What the four I/O-bound programs share, which is all but the model: the list of sites, one plain
 * blocking function that downloads one of them, and the session that a worker's downloads share.
 */
#ifndef EXAMPLES_DOWNLOAD_H
#define EXAMPLES_DOWNLOAD_H

#include <overlap.h>
#include <stddef.h>

/* Every URL of the command line, 80 times over. */
struct sites {
    const char *program; /* for messages: the name that it was called by */
    char **urls;
    size_t url_count;
    size_t count; /* downloads in all */
    size_t given; /* downloads that were handed to the executor */
    size_t done;
    size_t failed;
};

/*
 * Reads the command line. Where it names no URL, or something that is no URL of http or https, ends
 * the program with a message and exit code 2.
 *
 * Ownership: `argv` must live as long as the sites.
 */
struct sites sites_from(int argc, char *argv[]);

/* Opens what a worker's downloads share: a curl handle, which keeps its connections alive. */
ovl_session_open_fn session_open;

ovl_session_close_fn session_close;

/* Downloads the URL that is its item by curl_easy_perform, and returns how many bytes it read. */
ovl_task_fn download_site;

/* Gives the next URL, in turn, until each was given 80 times. */
ovl_stream_next_fn next_site;

/* Prints "Read N from URL", or on standard error what went wrong with it. */
ovl_stream_each_fn print_site;

/*
 * Prints how many downloads took how long; `error` is what opening the executor or its map
 * returned.
 *
 * Returns the program's exit code: 0 all done, 1 some failed, 3 the machine refused something.
 */
int sites_report(const struct sites *sites, int error, ovl_time duration);

#endif
