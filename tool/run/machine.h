/*
 * Machine: what it has left, for whoever decides how many jobs run at once.
 */
#ifndef TOOL_RUN_MACHINE_H
#define TOOL_RUN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Memory that programs can have, in bytes; UINT64_MAX: not known. Threads: any. */
uint64_t machine_memory(void);

/* What a machine is to have before another job begins. */
struct machine_limits {
    uint64_t memory_free; /* bytes; 0: any will do */
    double load;          /* the load is at most this; 0: any will do */
};

static inline bool machine_is_limited(const struct machine_limits *limits)
{
    return limits->memory_free || limits->load > 0;
}

/* Whether this machine has less. Threads: any. */
bool machine_is_short(const struct machine_limits *limits);

/* Time of all processors since the machine's start, in ticks of the system's; 0: not known. */
struct machine_usage {
    unsigned long long all;
    unsigned long long idle;
};

/* Threads: any. */
struct machine_usage machine_usage(void);

/* The share of the processors' time that was idle between two looks; 0: not known. */
double machine_idle_share(const struct machine_usage *before, const struct machine_usage *after);

#endif
