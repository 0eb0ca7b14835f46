#include "fetch/tuning.h"

/* Where one transfer in so many uses a connection again, that is what is usual. */
#define REUSED_ONE_IN 16

/* For so many ends a worker, its connection is waited for. */
#define PATIENCE 4

int tuning_open(struct tuning *tuning, const struct ovl_tuner_options *options)
{
    return ovl_tuner_open(options, &tuning->tuner);
}

void tuning_close(struct tuning *tuning)
{
    ovl_tuner_close(tuning->tuner);
}

/* Whether the transfer's time says what further ones will take. */
static bool says_something(struct tuning *tuning, bool fresh)
{
    if (fresh)
        tuning->fresh++;
    else
        tuning->reused++;
    if (!tuning->reused || tuning->reused < tuning->fresh / REUSED_ONE_IN)
        return true;
    if (!tuning->missing)
        return !fresh;
    if (fresh)
        tuning->missing--;
    if (--tuning->patience == 0)
        tuning->missing = 0;
    return false;
}

unsigned tuning_add(struct tuning *tuning, const struct reply *reply, unsigned running,
                    unsigned limit)
{
    struct ovl_completion completion = {
        .end = reply->ended,
        .duration_ns = reply->ended - reply->begun,
        .cpu_ns = OVL_CPU_UNKNOWN,
        .bytes = reply->received,
        .running = running < limit ? running : limit,
        .failed = reply->fault != FAULT_NONE,
        .refused = reply->status == 429 || reply->status == 503,
    };
    if (!tuning->tuner)
        return limit;
    bool says = says_something(tuning, reply->transfers > 0);
    if (!says && !completion.refused)
        return limit;
    unsigned next = ovl_tuner_add(tuning->tuner, &completion);
    if (next == limit)
        return limit;
    tuning->missing = next > limit ? next - limit : 0;
    tuning->patience = PATIENCE * next;
    return next;
}
