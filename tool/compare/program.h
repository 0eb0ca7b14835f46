/*
 * A program: one task function and its items, to be run under every model.
 *
 * The I/O-bound and the CPU-bound program each fill in one; nothing else knows what their tasks do.
 */
#ifndef TOOL_COMPARE_PROGRAM_H
#define TOOL_COMPARE_PROGRAM_H

#include <overlap.h>
#include <stdbool.h>

struct program {
    const char *name;  /* "io": its key in JSON and on the command line */
    const char *nouns; /* what its tasks are: "downloads" */
    const char *what;  /* it itself, where it may crash: "./mytask.so:function" */
    size_t count;      /* of tasks */
    size_t distinct;   /* how many different items there are: the n-th is the (n % distinct)-th */
    ovl_task_fn *task;
    ovl_session_open_fn *session_open; /* NULL: its tasks need none */
    ovl_session_close_fn *session_close;
    void *session_context;
    bool spreads;        /* more workers than cores are of use: its tasks wait */
    size_t workers_most; /* for more the machine has no descriptors; 0: no such limit */
    bool may_crash;      /* its tasks are not overlap's own: each model runs them apart */
    void *self;          /* for the functions below */

    /* Points *ret_item at the n-th item, which stays until the program ends. */
    void (*item)(void *self, size_t index, struct ovl_bytes *ret_item);

    /* Looks at the n-th task's result. Returns 0, or the error it comes down to. */
    int (*check)(void *self, size_t index, struct ovl_bytes result);

    /* Writes what the n-th task was, as snprintf does: "http://127.0.0.1:8080/1". */
    void (*describe_item)(void *self, size_t index, char *buffer, size_t size);

    /* Writes what an error of a task's own means, and what to do. */
    void (*describe_error)(void *self, int error, char *buffer, size_t size);

    /* Writes what is run, in one line: "160 downloads, 50 ms latency, 2 sites". */
    void (*describe)(void *self, char *buffer, size_t size);
};

#endif
