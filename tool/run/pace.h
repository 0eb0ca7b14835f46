/*
 * Pace: how many jobs run at once. Given by the caller, or found by a tuner from the jobs that end;
 * changed by signals; and kept within what the machine has.
 *
 * Threads: the main one, but for pace_change.
 */
#ifndef TOOL_RUN_PACE_H
#define TOOL_RUN_PACE_H

#include "run/choices.h"
#include "run/job.h"

#include <overlap/executor.h>

struct pace;

/* What the machine allows at once: `most` workers, of which `start` begin. */
struct pace_plan {
    unsigned most;
    unsigned start;
    bool automatic;
    char reason[160]; /* why */
};

struct pace_plan pace_plan(const struct choices *choices);

/* The same where the jobs run on the ranks of a cluster, so many of them. */
struct pace_plan pace_plan_ranks(const struct choices *choices, unsigned ranks);

/* Steers the executor. NULL once it has said what is wrong. */
struct pace *pace_new(const struct pace_plan *plan, bool verbose);
void pace_free(struct pace *pace);
void pace_steer(struct pace *pace, struct ovl_executor *executor);

/* Takes a job that has ended. */
void pace_ended(struct pace *pace, const struct job *job);

/*
 * Time has passed: jobs that wait long give no measure, and are looked at instead. Returns in how
 * many nanoseconds it is to be called again, a tenth of a second at most. Threads: any.
 */
ovl_time pace_tick(struct pace *pace, struct job_shared *shared);

/* One more, or one fewer, from now on. Threads: any. */
void pace_change(struct pace *pace, int by);

unsigned pace_workers(struct pace *pace);

/* What was measured and what followed: a sentence. */
void pace_reason(struct pace *pace, char *buffer, size_t size);

/* The decisions, for a report; `visit` is called for each, in order. */
typedef void pace_visit_fn(void *context, const char *sentence);
void pace_each(struct pace *pace, pace_visit_fn *visit, void *context);

#endif
