/* Runs a program as it would run by itself: its streams are its own, and signals reach it. */
#ifndef TOOL_ADVISE_LAUNCH_H
#define TOOL_ADVISE_LAUNCH_H

#include <overlap/time.h>
#include <stdbool.h>
#include <sys/types.h>

struct launch {
    pid_t pid;
    int signals; /* a signalfd */
    int status;  /* as of waitpid, once it has ended */
    ovl_time start_ns;
    ovl_time end_ns;
    ovl_time cpu_ns; /* of it and of the children that it waited for */
};

/*
 * Starts argv[0], with `agent` preloaded and the folder told to it; both may be NULL.
 *
 * Returns 0; or the exit code to end with, 125 to 127, once it has said what is wrong.
 */
int launch_start(struct launch *launch, char **argv, const char *agent, const char *folder);

/* Waits for `timeout_ns` at most; passes on what signals come. Returns whether the program has
 * ended. */
bool launch_wait(struct launch *launch, ovl_time timeout_ns);

/* The program's own: its exit code, or 128 and its signal. */
int launch_exit_code(const struct launch *launch);

/* The signal that ended it; 0: it ended by itself. */
int launch_signal(const struct launch *launch);

#endif
