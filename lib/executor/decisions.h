/* What an executor of `auto` has decided, for whoever asks (overlap/auto.h). */
#ifndef OVL_EXECUTOR_DECISIONS_H
#define OVL_EXECUTOR_DECISIONS_H

#include <overlap/auto.h>

/* What a task was like on average, when it was decided. Nanoseconds. */
struct ovl__basis {
    ovl_time computing;
    ovl_time waits;
    ovl_time unseen;
    ovl_time disk;
    size_t tasks;   /* of which so many were there */
    unsigned cores; /* to compute on; 0: nothing was known */
};

struct ovl__decided {
    struct ovl_decision decision; /* but for its gain, which is worked out for who reads it */
    struct ovl__basis basis;
};

struct ovl__decisions {
    size_t count; /* in all */
    struct ovl__decided latest[OVL_DECISIONS];
};

/* The next one, all zero, to be filled in. The executor's lock is held. */
struct ovl__decided *ovl__decisions_add(struct ovl__decisions *decisions);

#endif
