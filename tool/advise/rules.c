#include "advise/rules.h"

#include <stdio.h>

ovl_time rules_waits_that_matter(const struct spent *spent)
{
    return spent->wait_ns[RECORD_NETWORK] + spent->wait_ns[RECORD_DISK] +
           spent->wait_ns[RECORD_SLEEP] + spent->wait_ns[RECORD_CHILD] +
           spent->wait_ns[RECORD_OTHER];
}

enum ovl_bound rules_bound_of(const struct spent *spent)
{
    double waits = (double)rules_waits_that_matter(spent);
    double cpu = (double)spent->cpu_ns;
    if (waits + cpu <= 0)
        return OVL_NEITHER_BOUND;
    if (waits >= RULES_BOUND_SHARE * (waits + cpu))
        return OVL_IO_BOUND;
    return cpu >= RULES_BOUND_SHARE * (waits + cpu) ? OVL_CPU_BOUND : OVL_MIXED_BOUND;
}

double rules_cpu_share(const struct spent *spent)
{
    double waits = (double)(rules_waits_that_matter(spent) + spent->child_ns);
    double cpu = (double)(spent->cpu_ns - spent->child_ns);
    return waits + cpu > 0 ? cpu / (waits + cpu) : 0;
}

bool rules_is_paced(const struct spent *spent)
{
    return 2 * spent->wait_ns[RECORD_TERMINAL] > spent_all(spent);
}

const char *rules_waits_for(const struct spent *spent)
{
    static const char *const words[RECORD_KIND_COUNT] = {
        [RECORD_NETWORK] = "the network",   [RECORD_DISK] = "files",
        [RECORD_SLEEP] = "sleeps",          [RECORD_LOCK] = "locks",
        [RECORD_CHILD] = "child processes", [RECORD_OTHER] = "something else",
        [RECORD_GIL] = "the GIL",           [RECORD_TERMINAL] = "its input or output",
    };
    int most = RECORD_NETWORK;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (spent->wait_ns[kind] > spent->wait_ns[most])
            most = kind;
    return words[most];
}

#define LOST_SHARE 0.3 /* of the time: then it is much */

ovl_time rules_others_took(const struct advice *advice)
{
    bool one = advice->present.model == OVL_SYNC || advice->present.model == OVL_ASYNC;
    bool much = (double)advice->delay_ns > LOST_SHARE * (double)advice->wall_ns;
    return one && much && advice->wall_ns >= RULES_SHORT_NS ? advice->delay_ns : 0;
}

void rules_stay(struct advice *advice, const char *reason)
{
    advice->model = OVL_SYNC;
    advice->workers = 1;
    advice->replace_count = 0;
    snprintf(advice->reason, sizeof advice->reason, "%s", reason);
}

void rules_stay_with(struct advice *advice, enum ovl_model model, unsigned workers)
{
    advice->model = model;
    advice->workers = workers;
    advice->replace_count = 0;
}

void rules_predict(struct advice *advice, const struct forecast *forecast, enum ovl_model model,
                   unsigned workers)
{
    for (size_t n = 0; n < advice->prediction_count; n++)
        if (advice->predictions[n].model == model && advice->predictions[n].workers == workers)
            return;
    if (advice->prediction_count < ADVICE_PREDICTIONS &&
        forecast_predict(forecast, model, workers,
                         &advice->predictions[advice->prediction_count]) == 0)
        advice->prediction_count++;
}
