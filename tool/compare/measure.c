#include "compare/measure.h"

#include "compare/failures.h"
#include "compare/watch.h"
#include "report/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* One run, as the callbacks of its stream see it. */
struct run {
    struct measure *measure;
    const struct program *program;
    size_t next; /* the item to give next */
    struct failures failures;
};

static ovl_time timeval_ns(struct timeval time)
{
    return time.tv_sec * OVL_SECOND + time.tv_usec * OVL_MICROSECOND;
}

/* The CPU time so far of this process, or of the children that it has waited for. */
static ovl_time cpu_of(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) < 0)
        return 0;
    return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static ovl_time cpu_now(void)
{
    return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

static int next_item(void *context, struct ovl_bytes *ret_item)
{
    struct run *run = context;
    if (run->next == run->program->count || watch_interrupted())
        return 0;
    run->program->item(run->program->self, run->next++, ret_item);
    return 1;
}

/* Whether Ctrl-C ended it, as it does soon to all: the terminal gives it to worker processes too.
 */
static bool was_interrupted(const struct ovl_outcome *outcome)
{
    bool signaled = outcome->error == OVL_ESIGNALED &&
                    (outcome->detail == SIGINT || outcome->detail == SIGTERM);
    return signaled || watch_interrupted();
}

static int take_outcome(void *context, size_t index, const struct ovl_outcome *outcome,
                        struct ovl_bytes result)
{
    struct run *run = context;
    struct ovl_outcome ended = *outcome;
    if (ended.error == OVL_ECANCELED && ended.attempts == 0)
        return 0; /* it never began */
    if (ended.error == 0)
        ended.error = run->program->check(run->program->self, index, result);
    if (ended.error == 0) {
        run->measure->done++;
        return 0;
    }
    run->measure->failed++;
    if (!was_interrupted(&ended))
        failures_add(&run->failures, index, &ended);
    return 0;
}

static int run_tasks(struct run *run, struct ovl_executor *executor)
{
    const struct ovl_stream stream = {
        .next = next_item,
        .each = take_outcome,
        .context = run,
        .prompt = true,
        .as_completed = true,
    };
    watch_executor(executor);
    int error = ovl_map_stream(executor, run->program->task, &stream);
    watch_executor(NULL);
    return error == OVL_ETASKS ? 0 : error;
}

/* What auto came to: so many workers, and why. */
static void note_decision(struct measure *measure, struct ovl_executor *executor)
{
    struct ovl_decision decision;
    size_t count = ovl_auto_decision_count(executor);
    if (!count || ovl_auto_decision(executor, count - 1, &decision))
        return;
    if (decision.workers < measure->workers)
        measure->workers = decision.workers;
    snprintf(measure->decision, sizeof measure->decision, "%s: %s", ovl_model_name(decision.model),
             decision.reason);
}

/* Returns 0, or an error; *ret_opened tells whether the model could be opened. */
static int open_run_close(struct run *run, struct ovl_ledger *ledger, bool *ret_opened)
{
    struct measure *measure = run->measure;
    const struct program *program = run->program;
    const struct ovl_options options = {
        .workers = measure->workers,
        .session_open = program->session_open,
        .session_close = program->session_close,
        .session_context = program->session_context,
        .ledger = ledger,
    };
    struct ovl_executor *executor;
    int error = ovl_executor_open(measure->model, &options, &executor);
    *ret_opened = !error;
    if (error)
        return error;
    measure->workers = ovl_executor_workers(executor);
    error = run_tasks(run, executor);
    note_decision(measure, executor);
    int close_error = ovl_executor_close(executor, OVL_FOREVER);
    return error ? error : close_error;
}

/* Runs with the clocks around it. */
static int measure_with(struct run *run, struct ovl_ledger *ledger, bool *ret_opened)
{
    struct measure *measure = run->measure;
    ovl_time cpu_start = cpu_now();
    measure->start = ovl_now();
    int error = open_run_close(run, ledger, ret_opened);
    measure->wall_ns = ovl_now() - measure->start;
    measure->cpu_ns = cpu_now() - cpu_start;
    ovl_ledger_sum(ledger, &measure->sum);
    return error;
}

static void complain(const struct measure *measure, int error)
{
    bool are_many = error == -EAGAIN || error == -ENOMEM || error == -EMFILE || error == -ENFILE;
    console_error("%s with %u workers: %s; %sleave it out with --models",
                  ovl_model_name(measure->model), measure->workers, ovl_error_message(error),
                  are_many ? "give fewer with --workers, or " : "");
}

/* What predictions are made of. */
static void read_work(struct ovl_ledger *ledger, size_t total, struct ovl_work **ret_work)
{
    struct ovl_costs costs;
    ovl_costs_get(&costs);
    struct ovl_ledger_reading reading = {.total = total, .costs = &costs};
    ovl_work_from_ledger(ledger, &reading, ret_work);
}

int measure_run(struct measure *measure, const struct program *program)
{
    struct run run = {
        .measure = measure,
        .program = program,
        .failures = {.program = program, .model = ovl_model_name(measure->model)},
    };
    measure->start = ovl_now();
    measure->state = MEASURE_RUNNING;
    bool opened = false;
    struct ovl_ledger *ledger = NULL;
    int error = ovl_ledger_open(0, &ledger);
    if (!error)
        error = measure_with(&run, ledger, &opened);
    if (!error && measure->model == OVL_SYNC && measure->done == program->count)
        read_work(ledger, program->count, &measure->work);
    if (opened && measure->wants_picture) {
        char title[64];
        snprintf(title, sizeof title, "%s, %s", program->name, ovl_model_name(measure->model));
        measure->picture = picture_of(ledger, title, measure->start, measure->wall_ns);
    }
    ovl_ledger_close(ledger);

    failures_finish(&run.failures);
    if (error)
        complain(measure, error);
    bool ended = measure->done + measure->failed == program->count;
    measure->state = !opened ? MEASURE_REFUSED : ended ? MEASURE_FINISHED : MEASURE_CUT;
    return error;
}

void measure_note_crash(struct measure *measure, const struct program *program, const char *how,
                        ovl_time after_ns)
{
    snprintf(measure->crash, sizeof measure->crash, "%s", how);
    measure->wall_ns = after_ns;
    measure->failed = 1;
    measure->state = MEASURE_CUT;
    static bool advised; /* once is enough; the children in which other models run inherit it */
    console_error("%s: %s %s, and with it all of its %s%s", ovl_model_name(measure->model),
                  program->what, how, program->nouns,
                  advised ? "" : "; under processes an item crashes alone, and is named");
    advised = true;
}

struct measure_view measure_look(const struct measure *measure, const struct program *program)
{
    struct measure_view view = {
        .model = measure->model,
        .workers = measure->workers,
        .state = measure->state,
        .done = measure->done,
        .failed = measure->failed,
        .decision = "",
        .crash = measure->crash,
    };
    view.not_started = program->count - view.done - view.failed;
    if (view.state == MEASURE_RUNNING)
        view.wall_ns = ovl_now() - measure->start;
    if (view.state == MEASURE_FINISHED || view.state == MEASURE_CUT) {
        view.wall_ns = measure->wall_ns;
        view.cpu_ns = measure->cpu_ns;
        view.sum = measure->sum;
        view.predicted_ns = measure->predicted_ns;
        view.picture = measure->picture;
        view.decision = measure->decision;
    }
    view.complete = view.state == MEASURE_FINISHED && view.done == program->count;
    return view;
}
