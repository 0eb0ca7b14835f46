/*
 * The watchdog: a task that does not give up control blocks all others of its loop. It is reported
 * while it still does so, with the place in its code; and every task may be listed with what it
 * waits for.
 */
#ifndef OVERLAP_WATCHDOG_H
#define OVERLAP_WATCHDOG_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <stddef.h>
#include <stdint.h>

OVL_BEGIN_DECLS

/* One function that a task is in. What is not known is NULL, and the line 0. */
struct ovl_frame {
    const void *address; /* where it goes on, or where it is */
    const char *function;
    const char *module; /* the program's or library's file */
    const char *file;   /* the source, where there is debug information */
    int line;
};

#define OVL_NO_TASK SIZE_MAX

/* A task, or another coroutine, that keeps its loop from running the others. */
struct ovl_stall {
    size_t task;        /* its number in its executor, as in the ledger; or OVL_NO_TASK */
    uint64_t coroutine; /* counts the loop's coroutines from 1; 0: the loop itself */
    const char *name;   /* see ovl_set_name; may be empty */
    ovl_time length_ns; /* so far */
    size_t frame_count; /* 0 where the task could not be stopped to be looked at */
    const struct ovl_frame *frames; /* the innermost first */
};

/*
 * Is told of a stall while it lasts, once for each, in a thread of the watchdog's own; `stall` and
 * what it points to are valid until it returns. It must not end the executor or wait for its tasks.
 */
typedef void ovl_stall_fn(void *context, const struct ovl_stall *stall);

/*
 * A ready-made one: prints the task and its backtrace. `context` is a FILE *; NULL is standard
 * error. Where the environment has OVL_WATCHDOG set to anything, every loop without another one
 * uses it.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT void ovl_stall_print(void *context, const struct ovl_stall *stall);

/* How long a task may keep its loop before it counts as a stall, where the options do not say. */
#define OVL_STALL_NS (100 * OVL_MILLISECOND)

/*
 * Writes every task of every loop of the process to a descriptor, as text: its name, whether it
 * runs, is ready or waits, for what and since when, and its backtrace. Each loop is stopped while
 * it is looked at, for about a microsecond a task.
 *
 * Backtraces are made with libdw, which is loaded when first needed; without it they follow the
 * frame pointers, and names are those that are exported.
 *
 * Threads: any; not from a signal handler. Errors: -ENOMEM; those of write.
 */
OVL_EXPORT int ovl_dump(int fd);

/*
 * Has a signal, SIGQUIT for one, write such a dump to standard error from now on, in place of what
 * it did before.
 *
 * Threads: any. Errors: -EINVAL (no such signal), -EAGAIN (no thread to be had).
 */
OVL_EXPORT int ovl_dump_on_signal(int signal);

/*
 * Names the calling coroutine, for dumps and reports: up to 31 bytes of the name are kept. Does
 * nothing outside of coroutines.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT void ovl_set_name(const char *name);

OVL_END_DECLS

#endif
