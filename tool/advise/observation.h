/*
 * Watches a program while it runs: empties the agents' rings, samples what computes, and adds
 * everything up.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_OBSERVATION_H
#define TOOL_ADVISE_OBSERVATION_H

#include "advise/folder.h"
#include "advise/hot.h"
#include "advise/plumbing.h"
#include "advise/process.h"
#include "advise/threads.h"
#include "advise/tree.h"
#include "report/timeline.h"

#include <overlap/time.h>
#include <stdbool.h>

/* A child that no record has told of yet. */
struct outside_child {
    pid_t pid;
    ovl_time seen_ns; /* for the first time */
};

#define OBSERVATION_CHILDREN 64

struct observation {
    struct folder folder; /* the agents' files */
    struct tree tree;
    struct process **processes;
    size_t process_count;
    uint32_t family_count;
    size_t process_lasting;    /* of these, as many more than usual were not over */
    struct timeline *timeline; /* NULL: it is not drawn */
    struct plumbing plumbing;
    struct hot hot; /* of programs that are not Python's */

    /* Sums over threads and processes. */
    struct spent spent;
    ovl_time idle_ns;
    ovl_time delay_ns; /* ready, and without a processor: of the thread that was so longest */
    ovl_time short_ns[RECORD_KIND_COUNT];
    uint64_t waits_lost;
    uint64_t threads_lost;       /* beyond those that an agent keeps at once */
    uint64_t sync_device;        /* that what must be on a disk was last waited for; 0: none */
    struct thread_times threads; /* of processes that have ended */

    ovl_time start_ns;
    ovl_time program_ns;   /* when the program itself began, after its launchers; 0: it had none */
    ovl_time launchers_ns; /* what these computed, of those that are forgotten */
    ovl_time end_ns;
    ovl_time period_ns; /* between two samples */
    uint64_t samples;
    struct outside_child children[OBSERVATION_CHILDREN];
    ovl_time children_ns; /* when they were looked for last */
    ovl_time last_sample_ns;
    bool sampling_refused; /* the memory of a process could not be read */
    bool python_unknown;   /* a version or a build whose structures are not known */
    unsigned left_running; /* processes that have not ended when the program has, */
    pid_t left_pid;        /* one of these */
    char interpreter[256]; /* of the first process in Python; "": none */
};

/* Makes the folder for the agents' files, where there is room for them. 0, or a negative errno. */
int observation_open(struct observation *observed, bool with_folder);

/* To be called before the first look where a timeline is wanted. 0 or -ENOMEM. */
int observation_draw(struct observation *observed);

/* Removes the folder. */
void observation_close(struct observation *observed);

/* Adds a process, whose it then is. 0 or -ENOMEM. */
int observation_add(struct observation *observed, struct process *process);

/* A process is no more what it was: adds up what is left of it. */
void observation_end(struct observation *observed, struct process *process);

/* Looks for new processes, empties the rings, and samples. To be called every observed->period_ns.
 */
void observation_look(struct observation *observed);

/* The program has ended: takes down what is left. */
void observation_finish(struct observation *observed);

#endif
