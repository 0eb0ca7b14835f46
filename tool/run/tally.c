#include "run/tally.h"

void tally_add(struct tally *tally, const struct job *job)
{
    if (job->state == JOB_NOT_STARTED) {
        tally->not_started++;
        return;
    }
    tally->done += job->state == JOB_DONE;
    tally->failed += job->state != JOB_DONE;
    tally->cut_off += job->state == JOB_CUT_OFF;
    if (job->remembered) {
        tally->remembered++;
        tally->failed_before += job->state != JOB_DONE;
        return;
    }
    tally->cpu_ns += job->cpu_ns;
    tally->wall_ns += job->end - job->start;
    if (job->state == JOB_DONE)
        median_add(&tally->median, job->end - job->start);
}

uint64_t tally_ended(const struct tally *tally)
{
    return tally->done + tally->failed + tally->not_started;
}
