/* The model that a program has already, and what holds it back. */
#ifndef TOOL_ADVISE_PRESENT_H
#define TOOL_ADVISE_PRESENT_H

#include "advise/observation.h"

#include <overlap/model.h>

struct present {
    enum ovl_model model; /* OVL_SYNC: it does one thing after the other */
    unsigned workers;     /* threads or processes that did something */
    uint32_t
        blocking; /* of an event loop: the place of the line that holds it up most; 0: none does */
    ovl_time blocking_ns;
    int blocking_kind;       /* an enum record_kind, or -1: it computes */
    uint64_t blocking_tasks; /* how many tasks of the loop came there: at most, where it is not 1 */
};

void present_find(const struct observation *observed, struct present *ret);

#endif
