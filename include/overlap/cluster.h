/*
 * Clusters: OVL_CLUSTER runs tasks on the ranks of an MPI job, on one machine or on many.
 *
 *     mpirun -n 4 program
 *
 * starts the program four times. All four open the cluster alike. Rank 0 goes on: it is the program
 * that one thinks of, submits tasks, and has results and output. The others run tasks from there
 * on, inside of ovl_executor_open, which does not return on them: when rank 0 exits, so do they,
 * with 0. What a program does before it opens the cluster, every rank does.
 *
 * - Task functions, and those of sessions, are found by their place in the program or in a library
 *   that it has loaded, whatever the addresses. Memory is separate: a task has its item, and its
 *   rank's globals as main left them when it opened the cluster.
 * - Sessions are a rank's. The session context is the rank's own: what it gave to its own
 *   ovl_executor_open.
 * - A task's error, deadline and result are as in every model. One that runs hears that it is
 *   cancelled where it asks (ovl_task_cancelled), some milliseconds later. One that never asks goes
 *   on, as under OVL_THREADS; where a program exits and leaves such a task running, its rank is
 *   given five seconds, and then all ranks are ended, which is said on standard error.
 * - One executor of this model at a time is open; several may follow each other.
 * - A task that crashes ends its rank, and mpirun then ends the whole job, with an exit code other
 *   than 0. What the program has put on disk by then is there: to go on from that is the program's
 *   affair. Where a crash must cost one task alone, a task may open OVL_PROCESSES inside of itself.
 * - The transport is a shared object beside the library, liboverlap-mpi.so, and is loaded only when
 * a cluster is asked for. The program itself needs no MPI, and may be started without mpirun:
 *   ovl_executor_open then fails with OVL_EALONE.
 */
#ifndef OVERLAP_CLUSTER_H
#define OVERLAP_CLUSTER_H

#include <overlap/bytes.h>
#include <overlap/export.h>
#include <stddef.h>

OVL_BEGIN_DECLS

struct ovl_executor;

/*
 * Joins the cluster early, at the top of main: the other ranks serve from here on, and do nothing
 * else that the program does. On rank 0, and in a process that mpirun has not started, it returns.
 *
 * Sessions then see NULL as their context on the other ranks.
 *
 * Threads: the main one. Errors: OVL_EPLUGIN, OVL_EALONE (mpirun has started one rank alone).
 */
OVL_EXPORT int ovl_cluster_join(void);

/*
 * Which rank this process is, from 0, and how many there are: for a program whose ranks are to do
 * different things before they open the cluster. It begins Open MPI where that was not done.
 *
 * Every rank but 0 then opens the cluster or joins it: rank 0 waits for that when it exits. One
 * that cannot exits with another code than 0, and mpirun ends the job.
 *
 * Threads: the main one. Errors: OVL_EPLUGIN, OVL_EALONE, -ENOMEM; what is returned is untouched.
 */
OVL_EXPORT int ovl_cluster_rank(unsigned *ret_rank, unsigned *ret_count);

/* Called with a piece that a task has said. `words` is valid until it returns, and aligned as
 * malloc aligns. */
typedef void ovl_cluster_heard_fn(void *context, struct ovl_bytes words);

/*
 * On rank 0: calls `heard` with each piece that tasks say while they run (ovl_cluster_say):
 * progress, or a result that is too large to be whole in memory. The pieces of a rank come in their
 * order, and all that a task has said comes before its future is done. Where nobody listens, what
 * is said is dropped. A NULL ends it.
 *
 * `heard` is called on a thread of the executor's, one call at a time, until the executor is
 * closed: while it takes its time nothing else is taken from the ranks, and a task that says more
 * waits.
 *
 * Threads: any, before the first task is submitted. Errors: -EINVAL (no executor of OVL_CLUSTER, or
 * this is not rank 0).
 */
OVL_EXPORT int ovl_cluster_listen(struct ovl_executor *executor, ovl_cluster_heard_fn *heard,
                                  void *context);

/*
 * Says a piece of `size` bytes to rank 0, inside of a task that a cluster's rank runs, for whoever
 * listens there (ovl_cluster_listen). It returns when they are on their way; a large piece, once
 * rank 0 has it. A copy is sent: `data` is the caller's.
 *
 * Threads: any. Errors: -EINVAL (this process is no rank that runs tasks), -EMSGSIZE (more than 1
 * GiB), -ENOMEM.
 */
OVL_EXPORT int ovl_cluster_say(const void *data, size_t size);

/*
 * Why OVL_EPLUGIN or OVL_EALONE came, in words, with what is to be done; "" where neither did.
 *
 * Ownership: a constant string. Threads: any, after the call that failed. Errors: none.
 */
OVL_EXPORT const char *ovl_cluster_problem(void);

OVL_END_DECLS

#endif
