/*
 * Child processes and signals, for coroutines: a wait for either gives way.
 *
 *     const char *command[] = {"sort", NULL};
 *     struct ovl_process *sort;
 *     int error = ovl_process_start(command, OVL_PIPE_INPUT | OVL_PIPE_OUTPUT, &sort);
 *     if (error)
 *         return error;
 *     error = ovl_io_write(ovl_process_input(sort), "b\na\n", 4, OVL_FOREVER);
 *     ovl_process_end_input(sort);
 *     …read ovl_process_output(sort)…
 *     error = ovl_process_wait(sort, ovl_after(OVL_SECOND), &status);
 *     ovl_process_close(sort);
 */
#ifndef OVERLAP_PROCESS_H
#define OVERLAP_PROCESS_H

#include <overlap/export.h>
#include <overlap/io.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <sys/types.h>

OVL_BEGIN_DECLS

struct ovl_process;

/* Which of its standard streams are pipes to this process; the others are this process's own. */
#define OVL_PIPE_INPUT  (1u << 0)
#define OVL_PIPE_OUTPUT (1u << 1)
#define OVL_PIPE_ERROR  (1u << 2)

/*
 * Starts a command, found as execvp finds it, with this process's environment and folder, and no
 * signal blocked. `command` ends with NULL.
 *
 * Ownership: ovl_process_close ends it. On failure *ret_process is untouched. Threads: any.
 * Errors: -EINVAL (unknown flags, or no command), -ENOENT and others of execvp, -EAGAIN, -EMFILE,
 *   -ENOMEM.
 */
OVL_EXPORT int ovl_process_start(const char *const command[], unsigned flags,
                                 struct ovl_process **ret_process);

/* Its number. Threads: any. Errors: none. */
OVL_EXPORT pid_t ovl_process_id(const struct ovl_process *process);

/* This end of a pipe; NULL where it has none. Ownership: the process's. Threads: any. */
OVL_EXPORT struct ovl_io *ovl_process_input(const struct ovl_process *process);
OVL_EXPORT struct ovl_io *ovl_process_output(const struct ovl_process *process);
OVL_EXPORT struct ovl_io *ovl_process_error(const struct ovl_process *process);

/* Closes the pipe to its input: it reads the end. Threads: the loop's own. */
OVL_EXPORT void ovl_process_end_input(struct ovl_process *process);

/* How a process ended. */
struct ovl_exit {
    int code;   /* that it exited with; -1 where a signal ended it */
    int signal; /* 0 where none did */
};

/*
 * Waits until the process has ended, or until `deadline`. It may be called again after that.
 *
 * Threads: one at a time; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT, OVL_ECANCELED: it runs on; -ECHILD: somebody else has waited for it.
 */
OVL_EXPORT int ovl_process_wait(struct ovl_process *process, ovl_time deadline,
                                struct ovl_exit *ret_exit);

/*
 * Sends it a signal; it is never another process that has got its number. Threads: any.
 * Errors: -ESRCH (it has ended), -EINVAL, -EPERM.
 */
OVL_EXPORT int ovl_process_signal(struct ovl_process *process, int signal);

/*
 * Closes its pipes. One that still runs is ended with SIGKILL, and awaited: none is left behind.
 * NULL is allowed. Threads: the loop's own; a coroutine gives way.
 */
OVL_EXPORT void ovl_process_close(struct ovl_process *process);

/* A signal to this process that is awaited. */
struct ovl_signal;

/*
 * Catches a signal from now on, for whoever awaits it: what it did before, it does again once the
 * last ovl_signal of its number is closed.
 *
 * Ownership: ovl_signal_close. Threads: any.
 * Errors: -EINVAL (no such signal, or one that cannot be caught), -EMFILE, -ENOMEM, -EAGAIN (64 are
 * open).
 */
OVL_EXPORT int ovl_signal_open(int signal, struct ovl_signal **ret_signal);
OVL_EXPORT void ovl_signal_close(struct ovl_signal *signal);

/*
 * Waits until the signal comes, or until `deadline`; one that came since the last wait counts.
 * Several that came meanwhile are one.
 *
 * Threads: one at a time; a coroutine gives way. Errors: OVL_ETIMEDOUT, OVL_ECANCELED.
 */
OVL_EXPORT int ovl_signal_wait(struct ovl_signal *signal, ovl_time deadline);

OVL_END_DECLS

#endif
