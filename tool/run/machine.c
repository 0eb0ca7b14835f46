#include "run/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t machine_memory(void)
{
    uint64_t kib = UINT64_MAX;
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib == UINT64_MAX ? UINT64_MAX : kib * 1024;
}

bool machine_is_short(const struct machine_limits *limits)
{
    double load;
    if (limits->memory_free && machine_memory() < limits->memory_free)
        return true;
    return limits->load > 0 && getloadavg(&load, 1) == 1 && load > limits->load;
}

struct machine_usage machine_usage(void)
{
    struct machine_usage usage = {0};
    unsigned long long kinds[8] = {0}; /* user nice system idle iowait irq softirq steal */
    FILE *file = fopen("/proc/stat", "re");
    if (file && fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &kinds[0], &kinds[1],
                       &kinds[2], &kinds[3], &kinds[4], &kinds[5], &kinds[6], &kinds[7]) == 8) {
        for (int n = 0; n < 8; n++)
            usage.all += kinds[n];
        usage.idle = kinds[3]; /* who waits for a disk is not helped by more */
    }
    if (file)
        fclose(file);
    return usage;
}

double machine_idle_share(const struct machine_usage *before, const struct machine_usage *after)
{
    return before->all && after->all > before->all
               ? (double)(after->idle - before->idle) / (double)(after->all - before->all)
               : 0;
}
