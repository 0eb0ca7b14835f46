/*
 * Samples: completions of tasks under one number of workers, and what they say of the throughput.
 *
 * The throughput is worked out by Little's law, as the number of running tasks over a task's mean
 * duration: that is known after a few tasks, where counting those that end in a while is not.
 */
#ifndef OVL_PREDICT_SAMPLE_H
#define OVL_PREDICT_SAMPLE_H

#include <overlap/tuner.h>

struct ovl__sample {
    size_t count;
    double running; /* sums, from here on */
    double seconds;
    double seconds_squared;
    double bytes;
    double bytes_squared;
    double bytes_seconds;
    double cpu;         /* seconds, of those whose CPU time is known */
    double cpu_seconds; /* their duration */
    double queued;      /* what of that they waited for a processor */
};

void ovl__sample_add(struct ovl__sample *sample, const struct ovl_completion *completion,
                     unsigned workers);

/*
 * A task's mean duration in seconds; what moves in a second; the share of CPU time, or -1: of the
 * time that it did not wait for a processor, since where many begin at once, each waits for one.
 */
double ovl__sample_duration(const struct ovl__sample *sample);
double ovl__sample_tasks_per_second(const struct ovl__sample *sample);
double ovl__sample_bytes_per_second(const struct ovl__sample *sample);
double ovl__sample_cpu_share(const struct ovl__sample *sample);

/* How many processors the tasks of a sample keep busy; -1: not known. */
double ovl__sample_busy(const struct ovl__sample *sample);

/* How much more is done under `after` than under `before`: 0.5 for half as much again. */
struct ovl__gain {
    double gain;
    double error; /* its standard error */
};

/* Both have two tasks or more. In tasks or in bytes, whichever varies less. */
struct ovl__gain ovl__sample_gain(const struct ovl__sample *before,
                                  const struct ovl__sample *after);

#endif
