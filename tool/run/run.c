/* `overlap run`: a command for each item, several at once. */
#include "command.h"
#include "options.h"
#include "report/console.h"
#include "report/output.h"
#include "run/call.h"
#include "run/records.h"
#include "run/spawn.h"
#include "run/supply.h"
#include "run/told.h"

#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- jobs that have ended --- */

void call_refuse(struct run *run)
{
    run->refused = true;
    control_end(run->control);
}

static void print_document(struct run *run)
{
    if (run->document.failed && run->control)
        call_refuse(run);
    struct ovl_bytes bytes = {run->document.bytes, run->document.size};
    if (run->printer)
        printer_write(run->printer, bytes);
    else
        fwrite(bytes.data, 1, bytes.size, stdout);
    text_clear(&run->document);
}

void call_add_to_document(struct run *run, const struct job *job)
{
    if (run->choices.json) {
        text_add_string(&run->document, run->document_begun ? ",\n" : "\n");
        run->document_begun = true;
        told_json(&run->document, job);
        print_document(run);
    } else if (run->choices.json_lines) {
        told_json(&run->document, job);
        text_add_string(&run->document, "\n");
        print_document(run);
    }
}

/* Told of each job after its output was printed, in the order of printing. */
static void printed(void *context, struct job *job)
{
    struct run *run = context;
    bool failed = job->state == JOB_FAILED || job->state == JOB_CUT_OFF;
    if (failed && !job->remembered && !run->command_told)
        told_failure(job);
    call_add_to_document(run, job);
}

/* Where the machine has no process or descriptor for one job, it has none for the next ones. */
static void look_at_shortage(struct run *run, const struct job *job)
{
    if (!job->shortage || run->refused)
        return;
    console_error("no process is to be had: %s; %s; no more jobs begin", strerror(job->refusal),
                  job->refusal == EMFILE   ? "raise the limit (ulimit -n)"
                  : job->refusal == EAGAIN ? "end other programs, or raise the limit (ulimit -u)"
                                           : "end other programs");
    call_refuse(run);
}

/* A command that is one and the same for all items, and cannot be run, is told of once. */
static void look_at_command(struct run *run, const struct job *job)
{
    const char *path = run->setup.shared.path;
    bool gone = !job->unkept && (job->refusal == ENOENT || job->refusal == EACCES);
    if (!gone || !path || run->command_told)
        return;
    /* Of a script the kernel says the same where what is to read it is not there. */
    bool there = job->refusal == ENOENT && spawn_is_there(run->setup.shared.folder, path);
    console_error("%s: %s; no more jobs begin", path,
                  there ? "the program that its first line names after #! is not there"
                        : strerror(job->refusal));
    run->command_told = true;
    call_refuse(run);
}

/* Where there is no room for output, the next jobs would run in vain: told of once. */
static void look_at_room(struct run *run, const struct job *job)
{
    if (!job->unkept || run->refused)
        return;
    console_error(
        "cannot keep the output of jobs: %s; make room in %s, or name another folder with "
        "--tmpdir; no more jobs begin",
        strerror(job->refusal), setup_temporary_folder(&run->choices));
    call_refuse(run);
}

static void look_at_halt(struct run *run)
{
    const struct halt_rule *rule = &run->choices.halt;
    const struct halt_counts counts = {
        .done = run->tally.done, .failed = run->tally.failed, .total = run->setup.shared.total};
    if (run->halted || !halt_is_due(rule, &counts))
        return;
    run->halted = true;
    run->halted_by_success = rule->what == HALT_SUCCESS;
    console_error("--halt: %s; no more jobs begin", rule->what == HALT_FAIL ? "a job failed"
                                                    : rule->what == HALT_SUCCESS
                                                        ? "a job succeeded"
                                                        : "enough jobs have ended");
    if (rule->when == HALT_NOW)
        control_cut(run->control);
    else
        control_end(run->control);
}

static void look_at_output(struct run *run)
{
    int error = printer_error(run->printer);
    if (!error || run->refused)
        return;
    output_refused(-error);
    call_refuse(run);
    control_cut(run->control);
}

/* A rank that was told to end runs no more jobs: the whole cannot go on as it was begun. */
static void look_at_rank(struct run *run, const struct job *job)
{
    bool ended = job->state == JOB_CUT_OFF || job->state == JOB_NOT_STARTED;
    if (!run->ranks || !ended || !*job->host || atomic_load(&run->setup.shared.stop))
        return;
    console_error("a rank on %s was told to end: all jobs are ended", job->host);
    call_refuse(run);
    control_cut(run->control);
}

void call_end_job(struct run *run, struct job *job)
{
    bool ran = job->state != JOB_NOT_STARTED && !job->remembered;
    look_at_rank(run, job);
    if (ran)
        look_at_command(run, job);
    if (ran && !run->command_told && records_store(run->setup.records, job) < 0)
        call_refuse(run);
    tally_add(&run->tally, job);
    atomic_store(&run->setup.shared.median_ns, median_of(&run->tally.median));
    if (ran) {
        if (!run->command_told && records_add(run->setup.records, job) < 0)
            call_refuse(run);
        if (run->choices.trace_commands)
            setup_tell_command(&run->setup, job);
        look_at_room(run, job);
        look_at_shortage(run, job);
    }
    pace_ended(run->pace, job);
    status_add(run->status, job);
    picture_add(run->picture, job);
    printer_add(run->printer, job);
    look_at_halt(run);
    look_at_output(run);
}

static int take_job(void *context, size_t index, const struct ovl_outcome *outcome,
                    struct ovl_bytes result)
{
    struct run *run = context;
    struct job *job = NULL;
    run->taken++;
    if (!run->ranks)
        job = job_of_result(result);
    else if (!ranks_take(run->ranks, index, outcome, result, &job))
        return 0;
    if (job) {
        call_end_job(run, job);
        return 0;
    }
    console_error("a job was lost: %s", ovl_error_message(outcome->error));
    run->tally.failed++;
    call_refuse(run);
    return 0;
}

/* --- the whole --- */

/* Jobs that have ended lie so long at most, for several to be looked at together: each look takes a
 * processor from the jobs for a moment. */
#define PATIENCE_NS (5 * OVL_MILLISECOND)

static int run_jobs(struct run *run, const struct pace_plan *plan)
{
    enum ovl_model model = setup_model(&run->choices, plan);
    const struct ovl_options options = {
        .workers = plan->most,
        .limit = plan->start,
        .session_open = setup_session,
        .session_context = &run->setup.shared,
        .stack_bytes = 128 << 10,
    };
    struct ovl_executor *executor;
    int error = ovl_executor_open(model, &options, &executor);
    if (error) {
        console_error("cannot begin: %s; give fewer --workers", ovl_error_message(error));
        run->refused = true;
        return error;
    }
    pace_steer(run->pace, executor);
    if (run->ranks) {
        control_reach(run->control, executor);
        ovl_cluster_listen(executor, ranks_hear, run->ranks);
    }
    const struct ovl_stream stream = {
        .next = supply_next,
        .each = take_job,
        .context = run,
        .as_completed = true,
        .later = supply_later,
        .window = setup_window(plan),
        .patience_ns = PATIENCE_NS,
    };
    error = ovl_map_stream(executor, run->ranks ? rank_task : job_task, &stream);
    if (error && error != OVL_ETASKS && !run->refused) {
        console_error("stopped: %s", ovl_error_message(error));
        run->refused = true;
    }
    pace_steer(run->pace, NULL);
    control_reach(run->control, NULL);
    ovl_executor_close(executor, OVL_FOREVER);
    for (struct job *job; run->ranks && (job = ranks_held(run->ranks));)
        call_end_job(run, job);
    return 0;
}

static void end_document(struct run *run, const struct told_end *end)
{
    if (run->choices.json)
        text_add_string(&run->document, "\n],");
    else if (run->choices.json_lines)
        text_add_string(&run->document, "{");
    else
        return;
    told_json_counts(&run->document, end);
    text_add_string(&run->document, "}\n");
    print_document(run);
}

static void begin_document(struct run *run)
{
    if (!run->choices.json)
        return;
    text_add_string(&run->document, "{\"items\":[");
    print_document(run);
}

static void tell_document(struct run *run, const struct pace_plan *plan)
{
    char reason[240];
    pace_reason(run->pace, reason, sizeof reason);
    const struct told_end end = {
        .tally = &run->tally,
        .wall_seconds = (double)(ovl_now() - run->began) / (double)OVL_SECOND,
        .model = ovl_model_name(setup_model(&run->choices, plan)),
        .workers = pace_workers(run->pace),
        .workers_reason = reason,
        .interrupted = control_interrupted(run->control),
    };
    end_document(run, &end);
}

static void tell_end(struct run *run)
{
    const struct tally *tally = &run->tally;
    if (run->choices.verbose) {
        char reason[240];
        pace_reason(run->pace, reason, sizeof reason);
        console_line("overlap run: workers: %s", reason);
    }
    if (tally->not_started || control_interrupted(run->control))
        console_error("%llu done, %llu failed, %s%llu not started", (unsigned long long)tally->done,
                      (unsigned long long)tally->failed, tally->uncounted ? "at least " : "",
                      (unsigned long long)tally->not_started);
    else if (!tally_ended(tally) && !run->refused)
        console_error("nothing to do: there are no items");
    if (tally->failed_before)
        console_error("%llu failed in a call before; --retry-failed runs %s again",
                      (unsigned long long)tally->failed_before,
                      tally->failed_before == 1 ? "it" : "them");
}

static int exit_code(const struct run *run)
{
    if (run->refused)
        return EXIT_REFUSED;
    if (control_interrupted(run->control))
        return EXIT_INTERRUPTED;
    if (run->halted_by_success)
        return EXIT_DONE;
    return run->tally.failed ? EXIT_TASKS_FAILED : EXIT_DONE;
}

static struct printer *open_printer(struct run *run)
{
    bool json = run->choices.json || run->choices.json_lines;
    const struct printer_options options = {
        .spool = run->setup.spool,
        .keep_order = run->choices.keep_order,
        .tag = run->setup.tag,
        .total = run->setup.shared.total,
        .all_to_error = json,
        .silent = (json && run->choices.results) || run->setup.shared.output == JOB_AS_IT_COMES,
        .printed = printed,
        .context = run,
    };
    struct printer *printer = printer_new(&options);
    if (!printer)
        console_error("out of memory");
    run->setup.shared.take_context = printer;
    return printer;
}

static int execute(struct run *run, const struct pace_plan *plan)
{
    struct control_options control = {.shared = &run->setup.shared, .pace = run->pace};
    if (!run->ranks)
        control.limits = run->choices.limits;
    run->printer = open_printer(run);
    run->control = run->printer ? control_start(&control) : NULL;
    if (!run->control)
        return EXIT_REFUSED;
    run->status = status_new(&run->choices, run->setup.shared.total);
    begin_document(run);
    run_jobs(run, plan);
    printer_finish(run->printer);
    status_end(run->status);
    supply_count_rest(run);
    tell_document(run, plan);
    look_at_output(run);
    tell_end(run);
    if (picture_finish(run->picture, &run->tally, run->pace) < 0)
        run->refused = true;
    int code = exit_code(run);
    control_stop(run->control);
    return code;
}

/* What is not there is told once, before anything begins. */
static int refuse_command(struct run *run)
{
    begin_document(run);
    supply_count_rest(run);
    const struct told_end end = {
        .tally = &run->tally, .model = "sync", .workers_reason = "nothing was begun"};
    end_document(run, &end);
    return output_finish(EXIT_REFUSED);
}

/* Where there are ranks: what they are to do. Returns OPTIONS_GO on the first one, and where there
 * are none. */
static int plan_jobs(struct run *run, struct pace_plan *ret_plan)
{
    unsigned rank;
    unsigned workers;
    if (run->choices.model != MODEL_CLUSTER) {
        *ret_plan = pace_plan(&run->choices);
        return OPTIONS_GO;
    }
    if (ranks_join(&rank, &workers) < 0)
        return EXIT_REFUSED;
    if (rank > 0)
        return rank_serve(&run->setup, &run->choices);
    *ret_plan = pace_plan_ranks(&run->choices, workers);
    return OPTIONS_GO;
}

/* Nobody reads what jobs write: as they write it, nothing is gained by going on. */
static void cut(void *context)
{
    struct run *run = context;
    control_cut(run->control);
}

static int open_ranks(struct run *run, const struct pace_plan *plan)
{
    struct ranks_options options = {
        .shared = &run->setup.shared,
        .most = setup_window(plan),
        .limited = machine_is_limited(&run->choices.limits),
        .stuck = cut,
        .context = run,
    };
    if (!run->choices.pipe)
        options.names = inputs_header(run->setup.inputs);
    run->ranks = ranks_new(&options);
    if (!run->ranks)
        console_error("out of memory");
    return run->ranks ? 0 : EXIT_REFUSED;
}

static int run_prepared(struct run *run)
{
    struct pace_plan plan = {0};
    int code = plan_jobs(run, &plan);
    if (code != OPTIONS_GO)
        return code;
    code = setup_open(&run->setup, &run->choices, &plan);
    if (code == SETUP_NO_COMMAND)
        return refuse_command(run);
    if (code)
        return code;
    if (run->choices.dry_run)
        return setup_dry_run(&run->setup);
    if (run->choices.model == MODEL_CLUSTER)
        code = open_ranks(run, &plan);
    if (code)
        return code;
    if (picture_open(&run->choices, run->began, &run->picture) < 0)
        return EXIT_REFUSED;
    run->pace = pace_new(&plan, run->choices.verbose);
    return run->pace ? execute(run, &plan) : EXIT_REFUSED;
}

static int run_command_line(int argc, char **argv)
{
    struct run run = {.began = ovl_now()};
    run.setup.shared.mask = control_block();
    bool quiet = ranks_hush(argv);
    int code = choices_parse(&run.choices, argc, argv);
    if (quiet)
        ranks_speak(code);
    if (code == OPTIONS_GO) {
        code = run_prepared(&run);
        printer_free(run.printer);
        ranks_free(run.ranks);
        int close_code = setup_close(&run.setup);
        code = close_code && code != EXIT_INTERRUPTED ? close_code : code;
        status_free(run.status);
        picture_free(run.picture);
        pace_free(run.pace);
        text_release(&run.document);
    }
    choices_release(&run.choices);
    return code;
}

const struct verb run_verb = {
    .name = "run",
    .summary = "a command for many inputs, several at once",
    .run = run_command_line,
};
