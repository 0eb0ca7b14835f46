/*
 * The watch: a thread that waits for Ctrl-C, and for time to pass. It stops what runs, and where
 * that does not stop, it has the last word.
 */
#ifndef TOOL_COMPARE_WATCH_H
#define TOOL_COMPARE_WATCH_H

#include <overlap/executor.h>
#include <stdbool.h>
#include <sys/types.h>

struct watch_calls {
    void (*tick)(void *context); /* ten times a second */

    /* What ran did not stop: tells what was done; the command ends when it returns. */
    void (*last_word)(void *context);
    void *context; /* for both */
};

/*
 * Blocks the signals and starts the thread; once, before any other thread is started.
 *
 * Errors: -EAGAIN: there is no thread to be had.
 */
int watch_start(const struct watch_calls *calls);

/*
 * fork(2), with a watch in the child too. The parent's hands the signals on until watch_join, which
 * waits for the child and returns its status. The child does not outlive its parent. -1: there can
 * be none. Threads: the main one, and no other but the watch's.
 */
pid_t watch_fork(void);
int watch_join(pid_t child);

/* Whether a signal came that ends the command. Threads: any. */
bool watch_interrupted(void);

/* Names the executor to cancel when it comes; NULL: none, from now on. Threads: the main one. */
void watch_executor(struct ovl_executor *executor);

/* How many tasks that executor is running, which are cut off now. For last_word. */
size_t watch_running(void);

/*
 * Takes the last word for the caller: from now on the watch leaves it alone. Does not return where
 * the watch has it already. Threads: the main one.
 */
void watch_finish(void);

#endif
