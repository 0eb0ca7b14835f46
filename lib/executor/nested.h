/*
 * Nested executors: what an executor is in a worker that shares no memory with whoever opened it.
 * The worker's own tasks submit to it and map over it, and each of these tasks runs at once, in the
 * same worker, before the submit returns.
 */
#ifndef OVL_EXECUTOR_NESTED_H
#define OVL_EXECUTOR_NESTED_H

#include "executor/queue.h"

/*
 * Makes an executor the worker's own: the tasks, waiters, counts and ledger that it had are
 * somebody else's. It keeps its options and its model's name.
 */
void ovl__nest(struct ovl_executor *executor, struct ovl__worker *worker);

#endif
