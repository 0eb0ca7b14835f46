/*
 * Growth: more workers where nothing can be measured yet, since jobs wait long and none has ended.
 *
 * It has no clock and looks at nothing: what was seen is given to it. Where all that run have only
 * waited for two looks in a row, and the machine has room, there are twice as many; four times as
 * many while there are few, and looked at more often: a short list would be over before.
 */
#ifndef TOOL_RUN_GROWTH_H
#define TOOL_RUN_GROWTH_H

#include "run/under_way.h"

#include <stdbool.h>
#include <stdint.h>

/* No more than this without a measure. */
#define GROWTH_MOST 128

/* Fewer than this are few. */
#define GROWTH_QUICK 32

/* How long it is from one look to the next, and while there are few. */
#define GROWTH_NS       (100 * OVL_MILLISECOND)
#define GROWTH_QUICK_NS (25 * OVL_MILLISECOND)

struct growth {
    uint64_t looks;
    unsigned calm; /* looks in a row at which all waited */
    ovl_time time; /* of the look before; 0: the jobs were not looked at */
    ovl_time cpu_ns;
    uint64_t memory; /* that was free when it began */
};

/* All that is seen at one look. */
struct growth_look {
    ovl_time now;
    unsigned workers;
    unsigned most;           /* no more than this */
    bool ended;              /* a job has, since the last look */
    struct under_way jobs;   /* need not be filled in where growth_is_of_use says no */
    double processors;       /* of the machine */
    double processors_idle;  /* of them, since the last look */
    double processors_taken; /* by others, before the jobs began */
    uint64_t memory;         /* bytes that are free; UINT64_MAX: not known */
};

/* Whether it is worth looking at the jobs: the rest of the look is filled in. */
bool growth_is_of_use(const struct growth_look *look);

/* Takes a look, and says how many workers there are to be: the same number, most of the time. */
unsigned growth_next(struct growth *growth, const struct growth_look *look);

/* How long it is until the next look, where there are so many workers now. */
ovl_time growth_next_look(const struct growth *growth, unsigned workers);

#endif
