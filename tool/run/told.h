/* What is told of a job: to people, and in JSON. */
#ifndef TOOL_RUN_TOLD_H
#define TOOL_RUN_TOLD_H

#include "run/job.h"
#include "run/tally.h"
#include "run/text.h"

/* Why a job failed, in words: "exit code 3". Nothing for one that did not. */
void told_reason(struct text *text, const struct job *job);

/* Says on standard error that a job failed, by its item. */
void told_failure(const struct job *job);

double told_seconds(const struct job *job);
double told_cpu_seconds(const struct job *job);

/* A job as a JSON object. */
void told_json(struct text *text, const struct job *job);

/* The end of a document: the counts, behind the items. `with_items`: it closes their list. */
struct told_end {
    const struct tally *tally;
    double wall_seconds;
    const char *model;
    unsigned workers;
    const char *workers_reason; /* how many, and why */
    bool interrupted;
};

void told_json_counts(struct text *text, const struct told_end *end);

#endif
