#include "run/pace.h"

#include "report/console.h"
#include "run/growth.h"
#include "run/machine.h"
#include "run/under_way.h"
#include "system/limits.h"

#include <overlap/tuner.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Descriptors of a job: both ends of two pipes, and its process's. */
#define DESCRIPTORS_PER_JOB 5

/* What overlap needs for itself. */
#define DESCRIPTORS_OWN 64

/* Processes that a job may well start itself, for the limit of the user's processes. */
#define PROCESSES_PER_JOB 2

/* Where it is to be found by measuring. */
#define AUTOMATIC_MOST 1024

/* Threads are all begun at once: where it is to be found; and beyond what is asked for. */
#define THREADS_MOST 64
#define THREADS_MORE 16

/* Jobs that take less are counted: what passes between two of them is no small part of it. */
#define SHORT_NS (20 * OVL_MILLISECOND)

struct pace {
    bool verbose;
    bool automatic;
    unsigned most;
    char plan_reason[160];
    struct ovl_executor *executor;

    pthread_mutex_t lock;    /* all below */
    struct ovl_tuner *tuner; /* NULL: the number is the caller's */
    unsigned workers;
    size_t told;                /* events of the tuner that were told */
    bool ended;                 /* a job has, since the last tick */
    struct machine_usage usage; /* at the last tick */
    double load_before;         /* processors that others had before the jobs began */
    struct growth growth;
    ovl_time own_cpu_ns; /* of this process, when the last job ended */
};

/* --- what the machine allows --- */

static unsigned processors(void)
{
    unsigned count = ovl_model_default_workers(OVL_PROCESSES);
    return count ? count : 1;
}

static size_t by_descriptors(void)
{
    size_t descriptors = limits_raise_descriptors();
    return descriptors > DESCRIPTORS_OWN + DESCRIPTORS_PER_JOB
               ? (descriptors - DESCRIPTORS_OWN) / DESCRIPTORS_PER_JOB
               : 1;
}

static size_t by_processes(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    return limit.rlim_cur > PROCESSES_PER_JOB ? limit.rlim_cur / PROCESSES_PER_JOB : 1;
}

/* How many workers may be of use: more than are asked for, since a signal may ask for more. */
static size_t room_for(const struct choices *choices, bool automatic, size_t most)
{
    bool threads = choices->model == OVL_THREADS + 1; /* they are all begun at once */
    size_t wanted = choices->workers.count;
    size_t room = automatic ? (threads ? THREADS_MOST : AUTOMATIC_MOST)
                  : threads ? wanted + THREADS_MORE
                            : 2 * wanted + AUTOMATIC_MOST;
    if (threads && most > OVL_WORKERS_MAX)
        most = OVL_WORKERS_MAX;
    return room < most && (automatic || wanted) ? room : most;
}

static void explain(struct pace_plan *plan, unsigned wanted, const char *limited)
{
    if (plan->automatic) {
        snprintf(plan->reason, sizeof plan->reason, "auto: begins with the %u processors",
                 plan->start);
    } else if (wanted > plan->start) {
        snprintf(plan->reason, sizeof plan->reason, "%u, not %u: the limit of %s allows no more",
                 plan->start, wanted, limited);
        console_error("--workers %u: %u at once are what the limit of %s allows", wanted,
                      plan->start, limited);
    } else {
        snprintf(plan->reason, sizeof plan->reason, "%u, %s", plan->start,
                 wanted ? "as asked for" : "no limit but the machine's");
    }
}

struct pace_plan pace_plan(const struct choices *choices)
{
    if (choices->model == OVL_SYNC + 1)
        return (struct pace_plan){.most = 1, .start = 1, .reason = "one after the other: sync"};
    struct pace_plan plan = {.automatic = !choices->workers.given || choices->workers.automatic};
    size_t descriptors = by_descriptors();
    size_t processes = by_processes();
    size_t most = descriptors < processes ? descriptors : processes;
    if (most > OVL_COROUTINES_MAX)
        most = OVL_COROUTINES_MAX;
    plan.most = (unsigned)room_for(choices, plan.automatic, most);
    unsigned wanted = plan.automatic ? processors() : choices->workers.count;
    plan.start = wanted && wanted < plan.most ? wanted : plan.most;
    explain(&plan, choices->workers.count,
            descriptors < processes ? "descriptors (ulimit -n)" : "processes (ulimit -u)");
    return plan;
}

struct pace_plan pace_plan_ranks(const struct choices *choices, unsigned ranks)
{
    unsigned wanted = choices->workers.count;
    struct pace_plan plan = {.most = ranks, .start = wanted && wanted < ranks ? wanted : ranks};
    if (wanted > ranks)
        snprintf(plan.reason, sizeof plan.reason,
                 "%u, not %u: mpirun has started no more ranks that run jobs", ranks, wanted);
    else
        snprintf(plan.reason, sizeof plan.reason, "%u, %s", plan.start,
                 wanted ? "as asked for" : "one on each rank but the first");
    if (wanted > ranks)
        console_error("--workers %u: there are %u ranks that run jobs; start more with mpirun",
                      wanted, ranks);
    return plan;
}

/* --- steering --- */

/*
 * What this process has computed since the last job ended. A job costs that too: where jobs are
 * shorter than what it takes to begin them, it is what keeps the processors busy.
 */
static ovl_time own_cpu(struct pace *pace)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    ovl_time now = time.tv_sec * OVL_SECOND + time.tv_nsec;
    ovl_time since = now - pace->own_cpu_ns;
    pace->own_cpu_ns = now;
    return since;
}

struct pace *pace_new(const struct pace_plan *plan, bool verbose)
{
    struct pace *pace = calloc(1, sizeof *pace);
    if (pace) {
        pace->verbose = verbose;
        pace->automatic = plan->automatic;
        pace->most = plan->most;
        pace->workers = plan->start;
        if (getloadavg(&pace->load_before, 1) != 1)
            pace->load_before = 0;
        own_cpu(pace);
        snprintf(pace->plan_reason, sizeof pace->plan_reason, "%s", plan->reason);
        pthread_mutex_init(&pace->lock, NULL);
    }
    const struct ovl_tuner_options options = {
        .most = plan->most,
        .start = plan->start,
        .short_ns = SHORT_NS,
    };
    if (!pace || (plan->automatic && ovl_tuner_open(&options, &pace->tuner))) {
        console_error("out of memory");
        pace_free(pace);
        return NULL;
    }
    if (verbose)
        console_line("overlap run: workers: %s", pace->plan_reason);
    return pace;
}

void pace_free(struct pace *pace)
{
    if (!pace)
        return;
    ovl_tuner_close(pace->tuner);
    pthread_mutex_destroy(&pace->lock);
    free(pace);
}

void pace_steer(struct pace *pace, struct ovl_executor *executor)
{
    pthread_mutex_lock(&pace->lock);
    pace->executor = executor;
    pthread_mutex_unlock(&pace->lock);
}

static void apply(struct pace *pace)
{
    if (pace->executor)
        ovl_executor_set_workers(pace->executor, pace->workers);
}

static void tell(struct pace *pace)
{
    size_t count = ovl_tuner_event_count(pace->tuner);
    for (; pace->told < count; pace->told++) {
        struct ovl_tuner_event event;
        if (pace->verbose && !ovl_tuner_event(pace->tuner, pace->told, &event))
            console_line("overlap run: workers: %u → %u: %s", event.from, event.to, event.reason);
    }
}

static void set(struct pace *pace, unsigned workers)
{
    if (workers != pace->workers) {
        pace->workers = workers;
        apply(pace);
    }
    tell(pace);
}

void pace_ended(struct pace *pace, const struct job *job)
{
    if (!pace->tuner || job->remembered || job->state == JOB_NOT_STARTED || job->refusal)
        return;
    struct ovl_completion completion = {
        .end = job->end,
        .duration_ns = job->end - job->start,
        .cpu_ns = job->cpu_ns,
        .queued_ns = job->queued_ns,
        .running = job->running,
        .failed = job->state != JOB_DONE,
    };
    pthread_mutex_lock(&pace->lock);
    if (pace->tuner) {
        pace->ended = true;
        completion.cpu_ns += own_cpu(pace);
        set(pace, ovl_tuner_add(pace->tuner, &completion));
    }
    pthread_mutex_unlock(&pace->lock);
}

/* A tick's look, but for the jobs. */
static struct growth_look look_at_machine(struct pace *pace)
{
    struct machine_usage usage = machine_usage();
    struct growth_look look = {
        .now = ovl_now(),
        .workers = pace->workers,
        .most = pace->most,
        .ended = pace->ended,
        .processors = processors(),
        .processors_idle = machine_idle_share(&pace->usage, &usage) * processors(),
        .processors_taken = pace->load_before,
        .memory = machine_memory(),
    };
    pace->usage = usage;
    pace->ended = false;
    return look;
}

ovl_time pace_tick(struct pace *pace, struct job_shared *shared)
{
    pthread_mutex_lock(&pace->lock);
    if (pace->tuner && !atomic_load(&shared->stop)) {
        struct growth_look look = look_at_machine(pace);
        if (growth_is_of_use(&look))
            look.jobs = under_way_look(shared->guard);
        unsigned workers = growth_next(&pace->growth, &look);
        if (workers > pace->workers)
            set(pace, ovl_tuner_raise(pace->tuner, look.now, workers,
                                      "all wait, none has ended, and the machine has room"));
    }
    ovl_time next = pace->tuner ? growth_next_look(&pace->growth, pace->workers) : GROWTH_NS;
    pthread_mutex_unlock(&pace->lock);
    return next;
}

/* Whoever changes it by hand has taken it over: the tuner is not asked any more. */
void pace_change(struct pace *pace, int by)
{
    pthread_mutex_lock(&pace->lock);
    ovl_tuner_close(pace->tuner);
    pace->tuner = NULL;
    if (by > 0 ? pace->workers < pace->most : pace->workers > 1)
        pace->workers += (unsigned)by;
    snprintf(pace->plan_reason, sizeof pace->plan_reason, "changed by a signal");
    apply(pace);
    unsigned workers = pace->workers;
    pthread_mutex_unlock(&pace->lock);
    console_line("overlap run: workers: %u, as the signal asks", workers);
}

unsigned pace_workers(struct pace *pace)
{
    pthread_mutex_lock(&pace->lock);
    unsigned workers = pace->workers;
    pthread_mutex_unlock(&pace->lock);
    return workers;
}

/* Of the number that there is, where none was measured. */
static void last_reason(const struct pace *pace, char *buffer, size_t size)
{
    struct ovl_tuner_event event;
    size_t count = pace->tuner ? ovl_tuner_event_count(pace->tuner) : 0;
    if (count && !ovl_tuner_event(pace->tuner, count - 1, &event))
        snprintf(buffer, size, "%u: %s", event.to, event.reason);
    else
        snprintf(buffer, size, "%s", pace->plan_reason);
}

void pace_reason(struct pace *pace, char *buffer, size_t size)
{
    pthread_mutex_lock(&pace->lock);
    struct ovl_tuner_finding finding = {0};
    if (pace->tuner)
        ovl_tuner_find(pace->tuner, &finding);
    if (!finding.workers || !(finding.tasks_per_second > 0))
        last_reason(pace, buffer, size);
    else if (finding.cpu_share >= 0)
        snprintf(
            buffer, size, "%u: measured %.1f jobs/s there, %.3f s each, %.0f%% of it computing",
            finding.workers, finding.tasks_per_second, finding.duration, 100 * finding.cpu_share);
    else
        snprintf(buffer, size, "%u: measured %.1f jobs/s there, %.3f s each", finding.workers,
                 finding.tasks_per_second, finding.duration);
    pthread_mutex_unlock(&pace->lock);
}

void pace_each(struct pace *pace, pace_visit_fn *visit, void *context)
{
    visit(context, pace->plan_reason);
    size_t count = pace->tuner ? ovl_tuner_event_count(pace->tuner) : 0;
    for (size_t n = 0; n < count; n++) {
        struct ovl_tuner_event event;
        char sentence[200];
        if (ovl_tuner_event(pace->tuner, n, &event))
            continue;
        snprintf(sentence, sizeof sentence, "%u → %u workers: %s", event.from, event.to,
                 event.reason);
        visit(context, sentence);
    }
}
