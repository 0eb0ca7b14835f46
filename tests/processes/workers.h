/* A pool of worker processes in a test: each call asserts that all went well. */
#ifndef TESTS_PROCESSES_WORKERS_H
#define TESTS_PROCESSES_WORKERS_H

#include "../support/cases.h"
#include <overlap.h>

struct ovl_executor *open_with(const struct ovl_options *options);
struct ovl_executor *open_workers(unsigned workers);

/* Every task is in one of the counts. */
void check_counts(struct ovl_executor *executor);

/* Waits for what is queued, and checks the counts before. */
void close_all(struct ovl_executor *executor);

struct ovl_future *submit(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                          size_t size, const struct ovl_submit_options *options);

#endif
