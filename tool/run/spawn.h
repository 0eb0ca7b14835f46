/* Starting a command: as little as can be between two jobs. */
#ifndef TOOL_RUN_SPAWN_H
#define TOOL_RUN_SPAWN_H

#include "run/guard.h"

#include <signal.h>
#include <stdbool.h>

struct spawn {
    const char *path; /* of the program */
    char *const *arguments;
    char *const *environment;
    int folder; /* a descriptor of the folder that it runs in; -1: this process's */
    int input;  /* its standard streams, none of 0 to 2; output and error -1: this process's */
    int output;
    int error;
    sigset_t mask; /* of signals */
    int niceness;  /* 0: this process's */
    struct guard_slot *slot;
};

/*
 * Starts the program in a process group of its own. The slot knows the group before the program
 * begins; where it could not begin, the process ends with 127 and the slot says why.
 *
 * The kernel kills it when the calling thread ends: call it from one that outlives it.
 *
 * Returns its number, or -errno: no process is to be had. Threads: any.
 */
pid_t spawn(const struct spawn *spawn);

/*
 * Finds a program as a shell does: a name without a slash in the folders of PATH. What is not
 * absolute counts from the folder that the job will run in; below 0: this process's.
 *
 * Returns 0 and *ret_path, which the caller frees; -ENOENT, -EACCES (it is there and cannot be
 * run), -ENOMEM.
 */
int spawn_find(int folder, const char *name, char **ret_path);

/* Whether a file is there, counted from the same folder. */
bool spawn_is_there(int folder, const char *path);

#endif
