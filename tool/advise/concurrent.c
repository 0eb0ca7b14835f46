#include "advise/concurrent.h"

#include "advise/rules.h"

#include <stdio.h>

void concurrent_advise_loop(struct advice *advice)
{
    const struct present *present = &advice->present;
    rules_stay_with(advice, OVL_ASYNC, 1);
    if (present->blocking && present->blocking_ns * 10 > advice->wall_ns) {
        const struct place *place = &advice->tree->places[present->blocking];
        snprintf(advice->reason, sizeof advice->reason,
                 "The event loop is held up for %.2f s by %s() at line %d of %s, which %s (%s): "
                 "while it does, no other task gets on. %s",
                 (double)present->blocking_ns / (double)OVL_SECOND, place->function, place->line,
                 advice_file_name(place->file),
                 present->blocking_kind < 0 ? "computes" : "waits without await",
                 advice_kind_name(present->blocking_kind),
                 present->blocking_kind < 0 ? "Give it to loop.run_in_executor with a process pool."
                                            : "Await its asyncio form, or asyncio.to_thread.");
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "It is asyncio already, and nothing holds its event loop up for long.");
}

void concurrent_advise_pool(struct advice *advice, const struct forecast *forecast)
{
    const struct present *present = &advice->present;
    const char *noun = present->model == OVL_THREADS ? "threads" : "processes";
    const struct node *node = &advice->tree->nodes[advice->unit.node];
    double gil = (double)advice->spent.wait_ns[RECORD_GIL];
    double held = (double)(advice->spent.cpu_ns - advice->spent.free_ns);
    rules_stay_with(advice, present->model, present->workers);
    if (present->model == OVL_THREADS &&
        gil > 0.2 * (gil + held + (double)rules_waits_that_matter(&advice->spent)) &&
        forecast_best(forecast, OVL_PROCESSES, advice->cores, &advice->best) == 0 &&
        advice->best.speedup >= RULES_WORTH_IT) {
        rules_stay_with(advice, OVL_PROCESSES, advice->best.workers);
        advice->has_best = true;
        rules_predict(advice, forecast, OVL_PROCESSES, advice->workers);
        snprintf(advice->reason, sizeof advice->reason,
                 "It has %u threads, and they wait %.2f s for the GIL: they compute in Python, one "
                 "at a time. Processes use all %u cores.",
                 present->workers, gil / (double)OVL_SECOND, advice->cores);
        return;
    }
    unsigned most = advice->bound == OVL_CPU_BOUND ? advice->cores : RULES_THREADS_MOST;
    if (forecast_best(forecast, present->model, most, &advice->best) == 0 &&
        advice->best.workers > present->workers && advice->best.speedup >= RULES_WORTH_IT) {
        rules_stay_with(advice, present->model, advice->best.workers);
        advice->has_best = true;
        rules_predict(advice, forecast, present->model, advice->workers);
        snprintf(advice->reason, sizeof advice->reason,
                 "It has %u %s and they are too few: they wait for %s most of the time, and %u of "
                 "them would.",
                 present->workers, noun, rules_waits_for(&advice->spent), advice->workers);
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "It has %u %s already, and more of them, or another model, would not gain 1.3 times.",
             present->workers, noun);
    if (present->model == OVL_PROCESSES &&
        (double)node->wall_ns < 0.5 * present->workers * (double)advice->wall_ns)
        advice_note(
            advice,
            "The processes compute for a small part of the time: starting them, and handing over "
            "items and results (pickling), takes the rest. Give each more at once (chunksize).");
}
