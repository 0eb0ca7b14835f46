/* --halt: when to begin no more jobs, or to end those that run. */
#ifndef TOOL_RUN_HALT_H
#define TOOL_RUN_HALT_H

#include <stdbool.h>
#include <stdint.h>

enum halt_when {
    HALT_NEVER,
    HALT_SOON, /* begin no more */
    HALT_NOW,  /* and end those that run */
};

enum halt_what {
    HALT_FAIL,
    HALT_SUCCESS,
    HALT_DONE, /* either */
};

struct halt_rule {
    enum halt_when when;
    enum halt_what what;
    uint64_t count; /* so many; 0: a share */
    double share;   /* of all jobs, 0 to 1 */
};

/* How far the jobs are. */
struct halt_counts {
    uint64_t done;
    uint64_t failed;
    long long total; /* negative: not known */
};

/* As --halt writes it: "now,fail=1". As option_take_fn, target: struct halt_rule. */
int halt_take(void *target, const char *text);

/* Whether it is time. A share counts where all jobs are known, or three have ended. */
bool halt_is_due(const struct halt_rule *rule, const struct halt_counts *counts);

#endif
