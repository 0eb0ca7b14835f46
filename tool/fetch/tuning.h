/*
 * Tuning: how many transfers at once, found from those that end.
 *
 * Setting a connection up takes longer than a page on one that stands, and a server's processor
 * while others wait for it. Where connections are used again, transfers that make one say nothing,
 * nor do others until all the workers that came last have theirs.
 */
#ifndef TOOL_FETCH_TUNING_H
#define TOOL_FETCH_TUNING_H

#include "fetch/attempt.h"

#include <overlap/tuner.h>

/* All zero: the number is fixed. */
struct tuning {
    struct ovl_tuner *tuner;
    uint64_t fresh; /* transfers that made a connection, and that did not */
    uint64_t reused;
    unsigned missing;  /* connections that new workers have still to make */
    unsigned patience; /* ends for which they are waited for, at most */
};

/* Errors: as ovl_tuner_open. */
int tuning_open(struct tuning *tuning, const struct ovl_tuner_options *options);
void tuning_close(struct tuning *tuning);

/*
 * Takes a transfer that ended, while `running` ran, itself among them, and at most `limit` might.
 * Returns how many may from now on.
 */
unsigned tuning_add(struct tuning *tuning, const struct reply *reply, unsigned running,
                    unsigned limit);

#endif
