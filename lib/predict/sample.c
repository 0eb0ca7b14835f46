#include "predict/sample.h"

#include <math.h>

/* Even tasks that took exactly as long may not the next time: each is uncertain by so much. */
#define LEAST_DEVIATION 0.05

/* Shorter than any clock tells. */
#define LEAST_SECONDS 1e-9

static double in_seconds(ovl_time ns)
{
    return (double)ns / OVL_SECOND;
}

void ovl__sample_add(struct ovl__sample *sample, const struct ovl_completion *completion,
                     unsigned workers)
{
    double seconds = in_seconds(completion->duration_ns);
    double bytes = (double)completion->bytes;
    sample->count++;
    sample->running += completion->running ? completion->running : workers;
    sample->seconds += seconds;
    sample->seconds_squared += seconds * seconds;
    sample->bytes += bytes;
    sample->bytes_squared += bytes * bytes;
    sample->bytes_seconds += bytes * seconds;
    if (completion->cpu_ns == OVL_CPU_UNKNOWN)
        return;
    sample->cpu += in_seconds(completion->cpu_ns);
    sample->cpu_seconds += seconds;
    sample->queued += fmin(in_seconds(completion->queued_ns), seconds);
}

double ovl__sample_duration(const struct ovl__sample *sample)
{
    return sample->count ? sample->seconds / (double)sample->count : 0;
}

/* How many ran at a time, over the seconds that they took in all. */
static double pace(const struct ovl__sample *sample)
{
    if (!sample->count)
        return 0;
    return sample->running / (double)sample->count / fmax(sample->seconds, LEAST_SECONDS);
}

double ovl__sample_tasks_per_second(const struct ovl__sample *sample)
{
    return pace(sample) * (double)sample->count;
}

double ovl__sample_bytes_per_second(const struct ovl__sample *sample)
{
    return pace(sample) * sample->bytes;
}

double ovl__sample_cpu_share(const struct ovl__sample *sample)
{
    double seconds = sample->cpu_seconds - sample->queued;
    return sample->cpu_seconds > 0 ? sample->cpu / fmax(seconds, LEAST_SECONDS) : -1;
}

double ovl__sample_busy(const struct ovl__sample *sample)
{
    if (!(sample->cpu_seconds > 0))
        return -1;
    return sample->cpu / sample->cpu_seconds * sample->running / (double)sample->count;
}

/*
 * The relative variance of a ratio of sums, sum(y) / sum(x), from how far the y stray from it: y is
 * the tasks (each 1) or their bytes, x the seconds.
 */
static double variance(double count, double y, double yy, double xy, double x, double xx)
{
    double ratio = y / fmax(x, LEAST_SECONDS);
    double residuals = yy - 2 * ratio * xy + ratio * ratio * xx;
    double mean = y / count;
    double spread = residuals / (count * (count - 1)) / (mean * mean);
    return fmax(spread, 0) + LEAST_DEVIATION * LEAST_DEVIATION / count;
}

static double variance_of_tasks(const struct ovl__sample *s)
{
    double count = (double)s->count;
    return variance(count, count, count, s->seconds, s->seconds, s->seconds_squared);
}

static double variance_of_bytes(const struct ovl__sample *s)
{
    return variance((double)s->count, s->bytes, s->bytes_squared, s->bytes_seconds, s->seconds,
                    s->seconds_squared);
}

static struct ovl__gain gain(double before, double after, double spread)
{
    double factor = after / before;
    return (struct ovl__gain){.gain = factor - 1, .error = factor * sqrt(spread)};
}

struct ovl__gain ovl__sample_gain(const struct ovl__sample *before, const struct ovl__sample *after)
{
    double tasks = variance_of_tasks(before) + variance_of_tasks(after);
    if (before->bytes > 0 && after->bytes > 0) {
        double bytes = variance_of_bytes(before) + variance_of_bytes(after);
        if (bytes < tasks)
            return gain(ovl__sample_bytes_per_second(before), ovl__sample_bytes_per_second(after),
                        bytes);
    }
    return gain(ovl__sample_tasks_per_second(before), ovl__sample_tasks_per_second(after), tasks);
}
