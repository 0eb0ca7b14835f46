/* The models of concurrency: how an executor runs its tasks. */
#ifndef OVERLAP_MODEL_H
#define OVERLAP_MODEL_H

#include <overlap/export.h>

OVL_BEGIN_DECLS

enum ovl_model {
    OVL_SYNC,         /* one after the other, in the thread that submits */
    OVL_THREADS,      /* pre-emptive: the operating system switches between threads */
    OVL_ASYNC,        /* cooperative: a task gives way where it waits; one OS thread */
    OVL_PROCESSES,    /* many processors, separate memory: a task that crashes fails alone */
    OVL_CLUSTER = 14, /* many machines: the ranks of an MPI job (overlap/cluster.h) */
    OVL_AUTO = 15, /* whichever of these suits the work, found while it is done (overlap/auto.h) */
};

/* How many models there are to choose among: from 0, on one machine, without OVL_AUTO. */
#define OVL_MODEL_COUNT 4

/*
 * A model's name: "sync", "threads", "async", "processes", "cluster", "auto"; NULL for a number
 * that is no model.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_model_name(enum ovl_model model);

/*
 * Finds a model by its name, or by the name that Python's users know: synchronous, threading,
 * asyncio, multiprocessing.
 *
 * On failure *ret_model is untouched.
 *
 * Threads: any. Errors: OVL_EMODEL.
 */
OVL_EXPORT int ovl_model_parse(const char *name, enum ovl_model *ret_model);

/*
 * How many workers a model opens where the user named no number: 1 for sync, 5 for threads, as many
 * as the machine's cores that this process may use for processes, and 10,000 for async, whose
 * workers are coroutines and begin only when there is a task for them. The same for auto, which
 * finds how many of them pay. As many as there are other ranks for cluster.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT unsigned ovl_model_default_workers(enum ovl_model model);

OVL_END_DECLS

#endif
