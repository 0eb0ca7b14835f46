/* A test within a loop. Its failed assertions end the process of the case, as elsewhere. */
#ifndef TESTS_UNIT_IN_LOOP_H
#define TESTS_UNIT_IN_LOOP_H

#include "../support/cases.h"
#include <overlap.h>

#define MS OVL_MILLISECOND

static inline void in_loop(ovl_coroutine_fn *fn)
{
    assert_int_equal(ovl_run(fn, NULL, NULL), 0);
}

static inline struct ovl_group *open_group(ovl_time deadline)
{
    struct ovl_group *group = NULL;
    assert_int_equal(ovl_group_open(deadline, &group), 0);
    return group;
}

#endif
