/* Results: the output of each job in files of its own, as GNU parallel's --results has them. */
#ifndef TOOL_RUN_RESULTS_H
#define TOOL_RUN_RESULTS_H

#include "run/job.h"

struct results;

/*
 * Opens the folder, and makes it where it is missing. Returns 0; or the exit code, once it has said
 * what is wrong.
 */
int results_open(const char *folder, struct results **ret_results);
void results_close(struct results *results);

/*
 * Writes FOLDER/1/FIELD/2/FIELD…/stdout, stderr and seq. What a file name cannot have is written as
 * %XX; a job whose folder another job of this call has gets ~NUMBER at its end.
 *
 * 0, or -errno once it has said what is wrong; then nothing more is written.
 */
int results_add(struct results *results, const struct job *job, struct spool *spool);

#endif
