/* Measuring: one program under one model. */
#ifndef TOOL_COMPARE_MEASURE_H
#define TOOL_COMPARE_MEASURE_H

#include "compare/picture.h"
#include "compare/program.h"

#include <stdatomic.h>

enum measure_state {
    MEASURE_WAITING, /* its turn has not come */
    MEASURE_RUNNING,
    MEASURE_FINISHED, /* all of its tasks have ended */
    MEASURE_CUT, /* interrupted, or ended early by an error: some of its tasks may not have begun */
    MEASURE_REFUSED, /* the model could not be opened */
};

/*
 * What came of it. The main thread writes it, the state last; the watch may look at it at any time,
 * through measure_look.
 */
struct measure {
    enum ovl_model model;
    atomic_uint workers;
    _Atomic enum measure_state state;
    atomic_size_t done;
    atomic_size_t failed;
    _Atomic ovl_time start;
    ovl_time wall_ns; /* opening and closing the model included */
    ovl_time cpu_ns;  /* of this process, and of those that the model ran */
    struct ovl_ledger_sum sum;
    struct ovl_work *work; /* of sync, where all of it was done: what others are predicted by */
    _Atomic ovl_time predicted_ns; /* 0: not asked */
    bool wants_picture;
    struct timeline *picture; /* what the workers did; NULL: not wanted */
    char decision[200];       /* of auto: the last one, in words */
    char crash[64];           /* it ended its process, and how; "": it did not */
};

/* A measure as it is at one moment. done + failed + not_started is all that was asked for. */
struct measure_view {
    enum ovl_model model;
    unsigned workers;
    enum measure_state state;
    size_t done;
    size_t failed;
    size_t not_started;
    ovl_time wall_ns;
    ovl_time cpu_ns; /* 0 until it has ended, as are the sums */
    struct ovl_ledger_sum sum;
    ovl_time predicted_ns; /* 0: not asked */
    const struct timeline *picture;
    const char *decision; /* of auto; "": none */
    const char *crash;    /* "crashed with SIGSEGV (Segmentation fault)"; "": it did not */
    bool complete;        /* every task ended well: its time can be held against others' */
};

/*
 * Runs the program under measure->model, whose name and workers are set, and fills in the rest.
 * Failed tasks are named on standard error. Stops early where watch_interrupted().
 *
 * Returns 0 where the model ran, whatever became of the tasks; otherwise the error that kept it
 * from running to the end, once it has said so.
 */
int measure_run(struct measure *measure, const struct program *program);

/*
 * Notes that the program has ended the process that it ran in, and says so. Of its tasks, one is
 * taken to have failed, and none to have begun beside it: what became of them is not known.
 */
void measure_note_crash(struct measure *measure, const struct program *program, const char *how,
                        ovl_time after_ns);

/* Threads: any. */
struct measure_view measure_look(const struct measure *measure, const struct program *program);

#endif
