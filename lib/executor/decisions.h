/* What an executor of `auto` has decided, for whoever asks (overlap/auto.h). */
#ifndef OVL_EXECUTOR_DECISIONS_H
#define OVL_EXECUTOR_DECISIONS_H

#include <overlap/auto.h>

struct ovl__decisions {
    size_t count; /* in all */
    struct ovl_decision latest[OVL_DECISIONS];
};

/* The next one, all zero, to be filled in. The executor's lock is held. */
struct ovl_decision *ovl__decisions_add(struct ovl__decisions *decisions);

#endif
