/*
 * Tuners: how many workers are worth having now, found from the tasks that end.
 *
 * A tuner is told of each task that ended, and says how many workers to have from then on. It
 * begins low and doubles while that pays; then it takes single steps, and keeps those alone that
 * pay; then it stays, watches, and begins again where the work has changed. It has no clock and no
 * threads of its own: the same completions always give the same numbers.
 *
 *     struct ovl_tuner *tuner;
 *     ovl_tuner_open(&(struct ovl_tuner_options){.most = 64}, &tuner);
 *     ovl_executor_set_workers(executor, ovl_tuner_workers(tuner));
 *     ... as each task ends:
 *     ovl_executor_set_workers(executor, ovl_tuner_add(tuner, &completion));
 *
 * Source: slow start and a gain that must show, as in TCP; the gradient of the latency, as in TCP
 * Vegas and Netflix's concurrency-limits; steps that are measured before they are kept, as in the
 * hill climbing of .NET's thread pool. docs/decisions has the choice.
 */
#ifndef OVERLAP_TUNER_H
#define OVERLAP_TUNER_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

OVL_BEGIN_DECLS

struct ovl_tuner;

/* All zero is a good choice. */
struct ovl_tuner_options {
    unsigned least; /* never fewer workers than this; 0: 1 */
    unsigned most;  /* never more; 0: 256 */
    unsigned start; /* with how many to begin; 0: 2 */
    unsigned cores; /* processors that the tasks may compute on; 0: those that this process may use.
                       1 under async, or where an interpreter's lock lets one compute at a time */
    ovl_time short_ns; /* of tasks that take less, on average, it is counted how many end, instead
                          of looking at how long each took: more than what passes between two tasks,
                          and than the clocks' noise; 0: 2 ms */
};

/* The number of CPU nanoseconds, where nobody knows. */
#define OVL_CPU_UNKNOWN ((ovl_time)-1)

/* A task that ended. */
struct ovl_completion {
    ovl_time end;         /* when: of any clock that does not go back */
    ovl_time duration_ns; /* from its beginning on a worker to its end */
    ovl_time cpu_ns;      /* what of that it computed, or OVL_CPU_UNKNOWN */
    uint64_t bytes;       /* what it moved; 0: not known, or not the point */
    unsigned running;   /* tasks running when it ended, itself among them; 0: as many as workers */
    bool failed;        /* its time says nothing */
    bool refused;       /* whoever it asked said: too much, later (HTTP 429 and 503, EAGAIN) */
    ovl_time queued_ns; /* what of its duration it waited for a processor: neither computing, nor
                           a wait that more tasks would fill; 0: none, or not known */
};

/*
 * Makes a tuner.
 *
 * Ownership: ovl_tuner_close ends it. On failure *ret_tuner is untouched. Threads: any.
 * Errors: -ENOMEM; -EINVAL: `least` is above `most`.
 */
OVL_EXPORT int ovl_tuner_open(const struct ovl_tuner_options *options,
                              struct ovl_tuner **ret_tuner);

/* Ends a tuner. NULL is allowed. Threads: any; nothing else may use it. */
OVL_EXPORT void ovl_tuner_close(struct ovl_tuner *tuner);

/*
 * Takes a task that ended, and says how many workers to have from now on: the same number as
 * before, most of the time.
 *
 * Threads: any, one at a time. Errors: none.
 */
OVL_EXPORT unsigned ovl_tuner_add(struct ovl_tuner *tuner, const struct ovl_completion *completion);

/*
 * More workers without a measure: the caller knows, from elsewhere, that the tasks under way only
 * wait, and that none will end soon. The tuner begins to measure anew there, and says how many
 * workers to have: `workers`, within its limits, where these are more than there are. `reason` is
 * the event's, and copied.
 *
 * Threads: any, one at a time. Errors: none.
 */
OVL_EXPORT unsigned ovl_tuner_raise(struct ovl_tuner *tuner, ovl_time now, unsigned workers,
                                    const char *reason);

/* How many workers to have now. Threads: any, while nobody adds. Errors: none. */
OVL_EXPORT unsigned ovl_tuner_workers(const struct ovl_tuner *tuner);

/*
 * What a tuner has found, of the number of workers that it has settled on: all 0 where it has not
 * yet measured any.
 */
struct ovl_tuner_finding {
    unsigned workers;
    double tasks_per_second;
    double bytes_per_second;
    double duration;  /* seconds, a task's mean */
    double cpu_share; /* of a task's time; -1: not known */
    bool settled;     /* it only watches: no step is being tried */
};

/* Threads: any, while nobody adds. Errors: none. */
OVL_EXPORT void ovl_tuner_find(const struct ovl_tuner *tuner, struct ovl_tuner_finding *ret);

/* A change of the number, and why. */
struct ovl_tuner_event {
    ovl_time time; /* the `end` of the completion at which it came */
    unsigned from;
    unsigned to;
    char reason[120]; /* "twice as many do 1.93 times as much" */
};

/* So many events are kept, the latest. */
#define OVL_TUNER_EVENTS 64

/* How many events there were in all. Threads: any, while nobody adds. Errors: none. */
OVL_EXPORT size_t ovl_tuner_event_count(const struct ovl_tuner *tuner);

/*
 * Reads the n-th event, from 0.
 *
 * Threads: any, while nobody adds. Errors: -ERANGE: there is no such event, or it is too long ago;
 * *ret_event is untouched.
 */
OVL_EXPORT int ovl_tuner_event(const struct ovl_tuner *tuner, size_t n,
                               struct ovl_tuner_event *ret_event);

OVL_END_DECLS

#endif
