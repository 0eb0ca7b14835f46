/* The median of many times, in bounded memory. */
#ifndef TOOL_RUN_MEDIAN_H
#define TOOL_RUN_MEDIAN_H

#include <overlap/time.h>
#include <stdint.h>

/* Times by their magnitude, in steps of less than 5%. All zero is an empty one. */
#define MEDIAN_STEPS 1024

struct median {
    uint64_t counts[MEDIAN_STEPS];
    uint64_t total;
};

void median_add(struct median *median, ovl_time time_ns);

/* The median, within 5%; 0: there is none. */
ovl_time median_of(const struct median *median);

#endif
