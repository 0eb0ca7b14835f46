/* Records of jobs in files: the journal, the joblog, and folders of results. */
#ifndef TOOL_RUN_RECORDS_H
#define TOOL_RUN_RECORDS_H

#include "run/choices.h"
#include "run/job.h"

struct records;

/*
 * Opens what was asked for. Returns 0 and *ret_records; or, once it has said what is wrong, the
 * command's exit code.
 */
int records_open(const struct choices *choices, const struct template *template,
                 struct spool *spool, struct records **ret_records);

/* Finishes them. Returns 0, or EXIT_REFUSED once it has said what could not be written. NULL is
 * allowed. */
int records_close(struct records *records);

/*
 * Whether a row was recorded before and is not to be run again. A job that failed and is to be run
 * again has its `replaces` set.
 *
 * Returns 1 and *ret_job, a job that is remembered; 0; -1 once it has said what is wrong.
 */
int records_find(struct records *records, struct row *row, size_t size, struct job **ret_job);

/* Whether anything may be found. */
bool records_may_find(const struct records *records);

/*
 * Stores the output of a job that has ended, where that was asked for; before it is recorded, so
 * that no record is of output that is not there. 0, or -1 once it has said what is wrong: then the
 * job has lost its output.
 */
int records_store(struct records *records, struct job *job);

/* Records a job that has ended. 0, or -1 once it has said what is wrong. */
int records_add(struct records *records, const struct job *job);

#endif
