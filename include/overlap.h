/*
 * overlap: one plain, blocking function under every concurrency model.
 *
 * This header includes every public header of liboverlap. Each can be included by itself as well.
 *
 *     task      one call of a task function on one item; it may block as it likes
 *     model     how tasks run: one after the other, in threads, in coroutines, in processes
 *     executor  an open model with its workers
 *     worker    what runs tasks one at a time: a thread, a coroutine, a process
 *     session   what a worker makes once and its tasks share, such as a connection
 *     future    a task's result to come
 *     ledger    what tasks did: their worker, start, end, CPU time, and what they waited for
 *
 * Errors: every function that can fail returns 0 or a negative error: -errno where the system
 *   refused, or one of overlap/error.h. No function reports through errno.
 */
#ifndef OVERLAP_H
#define OVERLAP_H

#include <overlap/auto.h>
#include <overlap/bytes.h>
#include <overlap/channel.h>
#include <overlap/cluster.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/executor.h>
#include <overlap/fork_join.h>
#include <overlap/future.h>
#include <overlap/group.h>
#include <overlap/io.h>
#include <overlap/ledger.h>
#include <overlap/local.h>
#include <overlap/lock.h>
#include <overlap/map.h>
#include <overlap/model.h>
#include <overlap/predict.h>
#include <overlap/process.h>
#include <overlap/scope.h>
#include <overlap/task.h>
#include <overlap/testing.h>
#include <overlap/time.h>
#include <overlap/tuner.h>
#include <overlap/verdict.h>
#include <overlap/version.h>
#include <overlap/watchdog.h>

#endif
