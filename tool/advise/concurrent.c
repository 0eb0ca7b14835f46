#include "advise/concurrent.h"

#include "advise/rules.h"

#include <stdio.h>
#include <string.h>

/* In one thread, what it did and waited is the time that it had; of the rest, other programs had
 * the processors. */
static ovl_time time_it_had(const struct advice *advice)
{
    ovl_time did_ns = spent_all(&advice->spent) + advice->idle_ns;
    return did_ns < advice->wall_ns ? did_ns : advice->wall_ns;
}

/* As many as the pool that asyncio makes by itself has threads; of processes, one a core. */
static unsigned unblocked_at_once(const struct advice *advice)
{
    const struct present *present = &advice->present;
    unsigned threads = advice->cores + 4 < 32 ? advice->cores + 4 : 32;
    unsigned most = present->blocking_kind < 0 ? advice->cores : threads;
    return present->blocking_tasks < most ? (unsigned)present->blocking_tasks : most;
}

/* What the loop is held up for then goes on beside the rest, and of many tasks' at the same time.
 */
static void say_what_unblocking_gains(struct advice *advice)
{
    const struct present *present = &advice->present;
    size_t used = strlen(advice->reason);
    char *text = advice->reason + used;
    size_t size = sizeof advice->reason - used;
    unsigned at_once = unblocked_at_once(advice);
    double blocked_ns = (double)present->blocking_ns;
    double before_ns = (double)time_it_had(advice);
    double after_ns = before_ns - blocked_ns + blocked_ns / (at_once ? at_once : 1);
    if (present->blocking_tasks == 1)
        snprintf(text, size,
                 " One task alone does that: others go on meanwhile then, and it is no quicker "
                 "itself, unless its turns become tasks of their own (asyncio.gather).");
    else if (at_once > 1)
        snprintf(text, size,
                 " With %u of its tasks there at the same time, the program takes about %.2f s "
                 "instead of %.2f s.",
                 at_once, after_ns / OVL_SECOND, before_ns / OVL_SECOND);
}

void concurrent_advise_loop(struct advice *advice)
{
    const struct present *present = &advice->present;
    rules_stay_with(advice, OVL_ASYNC, 1);
    if (present->blocking && present->blocking_ns * 10 > time_it_had(advice)) {
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
        say_what_unblocking_gains(advice);
        return;
    }
    snprintf(
        advice->reason, sizeof advice->reason,
        "It is asyncio already, and nothing holds its event loop up for long. For %.2f s it had "
        "nothing to do but wait: awaits that stand one after the other, as in a `for`, overlap "
        "in asyncio.gather or a TaskGroup.",
        (double)rules_waits_that_matter(&advice->spent) / (double)OVL_SECOND);
}

void concurrent_advise_pool(struct advice *advice, const struct forecast *forecast)
{
    const struct present *present = &advice->present;
    const char *noun = present->model == OVL_THREADS ? "threads" : "processes";
    double gil = (double)advice->spent.wait_ns[RECORD_GIL];
    double held = (double)(advice->spent.cpu_ns - advice->spent.free_ns);
    bool waits = advice->bound == OVL_IO_BOUND && present->model == OVL_THREADS;
    if (waits && advice->unit.count <= present->workers) {
        concurrent_advise_unknown(advice); /* it is what each of them does for all of its life */
        return;
    }
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
                 "It has %u %s and they are too few: they wait for %s most of the time, while "
                 "others could go on; %u are worth having.",
                 present->workers, noun, rules_waits_for(&advice->spent), advice->workers);
        return;
    }
    snprintf(advice->reason, sizeof advice->reason,
             "It has %u %s already, and more of them, or another model, would not gain 1.3 times.",
             present->workers, noun);
}

void concurrent_advise_unknown(struct advice *advice)
{
    const struct present *present = &advice->present;
    char more[160] = "";
    rules_stay_with(advice, present->model, present->workers);
    if (rules_bound_of(&advice->spent) == OVL_IO_BOUND)
        snprintf(more, sizeof more,
                 " They wait for %s most of the time: where there is more for them to do, more of "
                 "them overlap more.",
                 rules_waits_for(&advice->spent));
    snprintf(advice->reason, sizeof advice->reason,
             "It has %u %s already, and nothing that each does over and over was seen.%s",
             present->workers, present->model == OVL_THREADS ? "threads" : "processes", more);
}

/* --- processes that do little --- */

#define PLUMBING_SHARE  0.5 /* of the processors' time: then that is what holds it back */
#define MANY_STARTS     8
#define WORTH_SAYING_NS (100 * OVL_MILLISECOND)
#define SHORT_LIFE_NS   (200 * OVL_MILLISECOND)
#define LARGE_BYTES     4096 /* to a read */

static double to_seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* Each lives for about one task, of which its life is a small part. */
static bool starts_too_many(const struct plumbing *plumbing)
{
    return plumbing->workers >= MANY_STARTS &&
           (double)plumbing->task_ns < (1 - PLUMBING_SHARE) * (double)plumbing->lives_ns &&
           plumbing->lives_ns < (ovl_time)plumbing->workers * SHORT_LIFE_NS;
}

static bool hands_over_too_much(const struct advice *advice)
{
    const struct plumbing *plumbing = &advice->plumbing;
    return (double)plumbing->handover_ns > PLUMBING_SHARE * (double)advice->spent.cpu_ns &&
           plumbing->handover_ns > plumbing->task_ns && plumbing->handover_ns >= WORTH_SAYING_NS &&
           plumbing->handover_looks >= plumbing->task_looks;
}

bool concurrent_is_plumbing(const struct advice *advice)
{
    return advice->plumbing.workers > 1 && advice->wall_ns >= RULES_SHORT_NS &&
           (starts_too_many(&advice->plumbing) || hands_over_too_much(advice));
}

static void say_starts(struct advice *advice)
{
    const struct plumbing *plumbing = &advice->plumbing;
    double each_ms = 1e3 * to_seconds(plumbing->task_ns) / plumbing->workers;
    char work[48] = "hardly any work";
    if (each_ms >= 0.05)
        snprintf(work, sizeof work, "%.1f ms of work", each_ms);
    snprintf(advice->reason, sizeof advice->reason,
             "Starting processes holds it back: it starts %u, and each lives for %.1f ms to do %s. "
             "Start a few once, and give them all the tasks: multiprocessing.Pool(%u).map, or "
             "concurrent.futures.ProcessPoolExecutor.",
             plumbing->workers, 1e3 * to_seconds(plumbing->lives_ns) / plumbing->workers, work,
             advice->cores);
}

static void say_handover(struct advice *advice)
{
    const struct plumbing *plumbing = &advice->plumbing;
    bool large = plumbing->read_bytes > plumbing->reads * LARGE_BYTES;
    snprintf(advice->reason, sizeof advice->reason,
             "Handing over items and results (pickling) holds it back: that takes %.2f s of the "
             "processors, and the tasks themselves %.2f s. %s",
             to_seconds(plumbing->handover_ns), to_seconds(plumbing->task_ns),
             large ? "What is handed over is large: give a file's name or "
                     "multiprocessing.shared_memory instead, or what all need once, by the pool's "
                     "initializer."
                   : "The tasks are small: give each process many at once (map's chunksize=100 and "
                     "more).");
}

void concurrent_advise_plumbing(struct advice *advice)
{
    const struct plumbing *plumbing = &advice->plumbing;
    unsigned workers = advice->cores > 1 ? advice->cores : 1;
    rules_stay_with(advice, OVL_PROCESSES, workers);
    advice->bound = OVL_CPU_BOUND;
    advice->overhead = true;
    if (starts_too_many(plumbing))
        say_starts(advice);
    else
        say_handover(advice);
    if ((double)plumbing->task_ns * RULES_WORTH_IT < (double)advice->wall_ns)
        advice_note(advice,
                    "All its tasks together take %.2f s, and the program %.2f s: one after the "
                    "other, without processes, it would be over sooner than it is now.",
                    to_seconds(plumbing->task_ns), to_seconds(advice->wall_ns));
}
