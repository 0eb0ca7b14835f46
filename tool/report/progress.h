/* Progress: how far the work is, while it is done. */
#ifndef TOOL_REPORT_PROGRESS_H
#define TOOL_REPORT_PROGRESS_H

#include <overlap/time.h>
#include <stddef.h>

enum progress_mode {
    PROGRESS_AUTO,   /* a line that is redrawn, on a terminal */
    PROGRESS_ALWAYS, /* and lines one by one, where it is none */
    PROGRESS_NEVER,
};

/* The words of --progress, in the order of the modes. */
extern const char *const progress_modes[];

/* Looks at standard error, once, and decides what is shown. */
void progress_init(enum progress_mode mode);

/* How far a piece of work is. */
struct progress {
    const char *title; /* "io async" */
    size_t ended;
    size_t total;
    const char *nouns; /* "downloads" */
    ovl_time elapsed_ns;
};

/*
 * Shows that a piece of work begins, or has ended; and in between where it stands, as often as is
 * of use: call it often. Threads: any.
 */
void progress_begin(const struct progress *progress);
void progress_update(const struct progress *progress);
void progress_end(const struct progress *progress);

#endif
