/*
 * Machine: what it has left, for whoever decides how many jobs run at once.
 */
#ifndef TOOL_RUN_MACHINE_H
#define TOOL_RUN_MACHINE_H

#include <stdint.h>

/* Memory that programs can have, in bytes; UINT64_MAX: not known. Threads: any. */
uint64_t machine_memory(void);

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
