/* Following a process to its end: its output, its time, and what it took. For job.c alone. */
#ifndef TOOL_RUN_FOLLOW_H
#define TOOL_RUN_FOLLOW_H

#include "run/job.h"

#include <sys/wait.h>

struct follow {
    struct job_shared *shared;
    struct job *job;
    pid_t process;
    struct guard_slot *slot;
    /* Of the pipes, closed when it returns; -1: none. Their writing ends stay open here, so that no
       stream seems to end before the process does: a job that writes nothing wakes nobody but by
       its end. */
    int reads[JOB_STREAMS];
    int writes[JOB_STREAMS];
    ovl_time deadline;
    struct ovl_task *task; /* where it is cancelled, the job is ended; NULL: nobody does */

    /* Results: */
    int status; /* as wait's */
    bool timed_out;
    bool cancelled;
    int error;          /* -errno: its output could not be taken, and it was ended */
    ovl_time queued_ns; /* it waited for a processor, where that is measured */
    ovl_time cpu_ns;
    size_t resident_bytes;
};

/*
 * Takes the output until the process has ended. What it left behind in its pipes is read; whoever
 * else holds them (a daemon that it started) is not waited for. When the deadline passes its
 * process group is asked to end, and killed a second later; where the task is cancelled, five
 * seconds later.
 */
void follow_process(struct follow *follow);

#endif
