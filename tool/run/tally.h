/* What became of the jobs so far. */
#ifndef TOOL_RUN_TALLY_H
#define TOOL_RUN_TALLY_H

#include "run/job.h"
#include "run/median.h"

struct tally {
    uint64_t done;
    uint64_t failed; /* those that were cut off among them */
    uint64_t cut_off;
    uint64_t not_started;
    bool uncounted;         /* there is more input: how much was not looked for to its end */
    uint64_t remembered;    /* of done and failed: from the journal */
    uint64_t failed_before; /* of these: failed */
    ovl_time cpu_ns;        /* of all jobs that ran */
    ovl_time wall_ns;
    struct median median; /* of jobs that ran and were done */
};

void tally_add(struct tally *tally, const struct job *job);

/* Jobs that have come to an end, or will not be begun. */
uint64_t tally_ended(const struct tally *tally);

#endif
