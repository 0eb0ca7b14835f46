/*
 * Control: a thread that takes the signals, and holds jobs back while the machine is short of
 * memory or busy.
 */
#ifndef TOOL_RUN_CONTROL_H
#define TOOL_RUN_CONTROL_H

#include "run/job.h"
#include "run/machine.h"
#include "run/pace.h"

struct control;

struct control_options {
    struct job_shared *shared;
    struct pace *pace; /* NULL: a rank's of a cluster, where SIGINT is for the first rank */
    struct machine_limits limits; /* all zero: none; a rank's of a cluster looks by itself */
};

/*
 * Begins to take signals, which were blocked: SIGINT once begins no more jobs; a second one,
 * SIGTERM and SIGHUP end those that run, SIGTERM first and SIGKILL 5 s later; SIGUSR1 is one more
 * worker, SIGUSR2 one fewer.
 *
 * NULL once it has said what is wrong.
 */
struct control *control_start(const struct control_options *options);

/*
 * Blocks those signals in this thread and all that it starts: first of all. Returns the mask from
 * before, which is the jobs'.
 */
sigset_t control_block(void);

/* Ends it. NULL is allowed. */
void control_stop(struct control *control);

/* Where jobs run that the guard does not know: they are ended as well. NULL: nowhere any more. */
void control_reach(struct control *control, struct ovl_executor *executor);

/* Whether a signal ended the whole. */
bool control_interrupted(const struct control *control);

/* Ends the jobs that run, as a second SIGINT does. Threads: any. */
void control_cut(struct control *control);

/* A descriptor that is ready once nothing more is to be begun. */
int control_descriptor(const struct control *control);

/* Nothing more is to be begun. Threads: any. */
void control_end(struct control *control);

#endif
