/* The joblog: a line for each job, in the columns of GNU parallel's --joblog. */
#ifndef TOOL_RUN_JOBLOG_H
#define TOOL_RUN_JOBLOG_H

#include "run/job.h"

struct joblog;

enum joblog_memory { JOBLOG_NOTHING, JOBLOG_DONE, JOBLOG_FAILED };

/*
 * Opens it, anew; or, with `resume`, reads what it has, by the jobs' numbers, and goes on behind
 * it. Returns 0; or the exit code, once it has said what is wrong.
 */
int joblog_open(const char *path, bool resume, struct joblog **ret_joblog);

/* Returns 0, or EXIT_REFUSED once it has said so: a line could not be written. NULL is allowed. */
int joblog_close(struct joblog *joblog);

bool joblog_remembers(const struct joblog *joblog);
enum joblog_memory joblog_find(const struct joblog *joblog, uint64_t number);

/* 0, or -1 once it has said what is wrong. */
int joblog_add(struct joblog *joblog, const struct job *job, const char *command);

#endif
