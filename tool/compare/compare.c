/* overlap compare: the I/O-bound and the CPU-bound program, under every model, one after the other.
 */
#include "command.h"
#include "compare/apart.h"
#include "compare/comparison.h"
#include "compare/cpu.h"
#include "compare/document.h"
#include "compare/function.h"
#include "compare/io.h"
#include "compare/report.h"
#include "compare/summary.h"
#include "compare/watch.h"
#include "options.h"
#include "origin/page.h"
#include "report/console.h"
#include "report/output.h"
#include "report/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAMS    3
#define NOT_GIVEN   (-1)
#define TASKS_MOST  10000000
#define LATENCY_NS  (50 * OVL_MILLISECOND)
#define SIZE_BYTES  10240
#define TIMEOUT_NS  (60 * OVL_SECOND)
#define NUMBER      5000000
#define TIMEOUT_MAX (24 * 3600 * (uint64_t)OVL_SECOND)

static const char about[] =
    "Runs two programs under every model, one after the other: downloads, which wait,\n"
    "and sums of squares, which compute; both where neither is named. Or runs a task\n"
    "function of your own, in a shared object, on each line of its input. Tells how\n"
    "long each model took, and which one suits the work.";

struct compare_options {
    bool io;
    bool cpu;
    uint64_t downloads;
    ovl_time latency_ns;
    uint64_t size;
    ovl_time timeout_ns;
    uint64_t sums;
    uint64_t number;
    struct models models;
    uint64_t workers;
    bool json;
    int progress;
    const char *function;
    const char *items;
    const char *report;
    const char *trace;
    bool timeline;
};

/* The whole run. It lasts as long as the process: the watch looks at it to the end. */
static struct {
    struct compare_options options;
    struct io io;
    struct cpu cpu;
    struct function_program function;
    struct report_files files;
    struct comparison comparisons[PROGRAMS];
    size_t count;
    struct terminal terminal; /* of standard output */
    _Atomic(struct comparison *) running;
    atomic_size_t running_index; /* of its measures */
} all;

static int take_program(void *target, const char *text)
{
    struct compare_options *options = target;
    if (strcmp(text, "io") == 0) {
        options->io = true;
        return 0;
    }
    if (strcmp(text, "cpu") == 0) {
        options->cpu = true;
        return 0;
    }
    if (function_is_named(text) && !options->function) {
        options->function = text;
        return 0;
    }
    console_error(options->function ? "'%s' comes after '%s'; give one function"
                                    : "unknown program '%s'; there are io and cpu, and functions "
                                      "of your own, such as ./mytask.so:function",
                  text, options->function);
    return -1;
}

/* What contradicts itself: OPTIONS_GO, or EXIT_USAGE once it is said. */
static int check_options(const struct compare_options *options)
{
    bool own_pages = options->latency_ns != NOT_GIVEN || options->size != (uint64_t)NOT_GIVEN;
    if (all.io.given_count > 0 && own_pages) {
        console_error("%s is for overlap's own server; leave it out where --url is given",
                      options->latency_ns != NOT_GIVEN ? "--latency" : "--size");
        return EXIT_USAGE;
    }
    if (all.io.given_count > 0 && !options->io) {
        console_error("--url is for the io program; leave it out, or name io");
        return EXIT_USAGE;
    }
    if (options->items && !options->function) {
        console_error("--input is for a function of your own; leave it out, or name one, such as "
                      "./mytask.so:function");
        return EXIT_USAGE;
    }
    bool many =
        models_have(&options->models, OVL_THREADS) || models_have(&options->models, OVL_PROCESSES);
    if (options->workers > OVL_WORKERS_MAX && many) {
        console_error("--workers %" PRIu64
                      ": threads and processes take at most %d; give fewer, or "
                      "leave them out: --models sync,async",
                      options->workers, OVL_WORKERS_MAX);
        return EXIT_USAGE;
    }
    return OPTIONS_GO;
}

static void set_defaults(struct compare_options *options)
{
    if (!options->io && !options->cpu && !options->function)
        options->io = options->cpu = true;
    if (!options->items && options->function)
        options->items = "-";
}

static int parse(int argc, char **argv, struct compare_options *ret)
{
    const struct option options[] = {
        {.name = "downloads",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = TASKS_MOST,
         .target = &ret->downloads,
         .help = "io: pages to download, from two sites in turns (160)"},
        {.name = "latency",
         .kind = OPTION_DURATION,
         .value = "D",
         .most = 3600 * (uint64_t)OVL_SECOND,
         .target = &ret->latency_ns,
         .help = "io: what the server waits before each page (50ms)"},
        {.name = "size",
         .kind = OPTION_SIZE,
         .value = "N",
         .most = PAGE_SIZE_MAX,
         .target = &ret->size,
         .help = "io: bytes of a page (10k)"},
        {.name = "url",
         .kind = OPTION_TAKEN,
         .value = "URL",
         .take = io_take_url,
         .target = &all.io,
         .help = "io: download this instead, from its real site; given\n"
                 "again, they take turns"},
        {.name = "timeout",
         .kind = OPTION_DURATION,
         .value = "D",
         .least = (uint64_t)OVL_MILLISECOND,
         .most = TIMEOUT_MAX,
         .target = &ret->timeout_ns,
         .help = "io: what a download may take, beside the latency (60s)"},
        {.name = "sums",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = TASKS_MOST,
         .target = &ret->sums,
         .help = "cpu: sums to compute (20)"},
        {.name = "number",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = CPU_NUMBER_MAX,
         .target = &ret->number,
         .help = "cpu: sum x is of all squares below N + x (5000000)"},
        {.name = "models",
         .kind = OPTION_TAKEN,
         .value = "LIST",
         .take = models_take,
         .target = &ret->models,
         .help = "of sync, threads, async, processes, auto, with commas\n"
                 "in between (all); Python's names do as well;\n"
                 "cluster, where mpirun has started it"},
        {.name = "workers",
         .letter = 'w',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .most = OVL_COROUTINES_MAX,
         .target = &ret->workers,
         .help = "of each model but sync (io: 5 threads, a coroutine per\n"
                 "download, a process per core; cpu: as many as cores)"},
        {.name = "json",
         .kind = OPTION_FLAG,
         .target = &ret->json,
         .help = "print one JSON document on standard output"},
        {.name = "command",
         .kind = OPTION_TEXT,
         .value = "FILE:FN",
         .target = &ret->function,
         .help = "run a task function of your own (overlap/task.h), in a\n"
                 "shared object; FILE:FN alone does as well"},
        {.name = "input",
         .letter = 'i',
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &ret->items,
         .help = "its items, one a line, each given without its newline\n"
                 "and without a zero byte; - is standard input (-)"},
        {.name = "report",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &ret->report,
         .help = "write a page (HTML): the table, the verdict, and what\n"
                 "every worker did when"},
        {.name = "trace",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &ret->trace,
         .help = "write what every worker did, for Perfetto or Chrome"},
        {.name = "timeline",
         .kind = OPTION_FLAG,
         .target = &ret->timeline,
         .help = "print what every worker did when, as text"},
        {.name = "progress",
         .kind = OPTION_CHOICE,
         .value = "WHEN",
         .choices = progress_modes,
         .target = &ret->progress,
         .help = "auto, always or never (auto: where standard error is a\n"
                 "terminal)"},
    };
    const struct usage usage = {
        .verb = "compare",
        .synopsis = "[io|cpu|FILE:FUNCTION] [options]",
        .about = about,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operand = take_program,
        .operand_target = ret,
    };
    int code = options_parse(&usage, argc, argv);
    if (code != OPTIONS_GO)
        return code;
    set_defaults(ret);
    return check_options(ret);
}

/*
 * From here on the other ranks of an MPI job run tasks, with the sessions of the first program,
 * which are all there are. Returns 0, or an error once it has said why there is no cluster.
 */
static int join_cluster(void)
{
    const struct program *program = &all.comparisons[0].program;
    const struct ovl_options options = {
        .session_open = program->session_open,
        .session_close = program->session_close,
        .session_context = program->session_context,
    };
    struct ovl_executor *executor;
    int error = ovl_executor_open(OVL_CLUSTER, &options, &executor);
    if (!error)
        return ovl_executor_close(executor, OVL_FOREVER);
    const char *problem = ovl_cluster_problem();
    console_error("no cluster: %s", *problem ? problem : ovl_error_message(error));
    return error;
}

/* Sets up what was asked for: OPTIONS_GO, or an exit code once it has said what is wrong. */
static int set_up(const struct compare_options *options)
{
    if (options->io) {
        all.io.downloads = options->downloads;
        all.io.latency_ns = options->latency_ns;
        if (options->latency_ns == NOT_GIVEN)
            all.io.latency_ns = all.io.given_count > 0 ? 0 : LATENCY_NS;
        all.io.page_size = options->size == (uint64_t)NOT_GIVEN ? SIZE_BYTES : options->size;
        all.io.timeout_ns = options->timeout_ns;
        int error = io_open(&all.io);
        if (error) {
            console_error("cannot set up the downloads: %s; try fewer --downloads",
                          ovl_error_message(error));
            return EXIT_REFUSED;
        }
        struct program program = io_program(&all.io);
        comparison_init(&all.comparisons[all.count++], &program, &options->models,
                        (unsigned)options->workers);
    }
    if (options->cpu) {
        all.cpu = (struct cpu){.sums = options->sums, .number = options->number};
        struct program program = cpu_program(&all.cpu);
        comparison_init(&all.comparisons[all.count++], &program, &options->models,
                        (unsigned)options->workers);
    }
    if (options->function) {
        all.function =
            (struct function_program){.function = options->function, .items = options->items};
        int code = function_open(&all.function);
        if (code)
            return code;
        struct program program = function_as_program(&all.function);
        comparison_init(&all.comparisons[all.count++], &program, &options->models,
                        (unsigned)options->workers);
    }
    if (models_have(&options->models, OVL_CLUSTER) && join_cluster())
        return EXIT_REFUSED;
    if (report_open(&all.files, options->report, options->trace))
        return EXIT_REFUSED;
    return OPTIONS_GO;
}

/* Where the measure that runs stands, under a title that the caller has room for. */
static struct progress find_progress(const struct comparison *comparison, size_t index, char *title,
                                     size_t size)
{
    const struct program *program = &comparison->program;
    struct measure_view view = measure_look(&comparison->measures[index], program);
    snprintf(title, size, "%s %s", program->name, ovl_model_name(view.model));
    return (struct progress){
        .title = title,
        .ended = view.done + view.failed,
        .total = program->count,
        .nouns = program->nouns,
        .elapsed_ns = view.wall_ns,
    };
}

/* Calls one of progress_begin, _update and _end. */
static void show(void (*call)(const struct progress *), const struct comparison *comparison,
                 size_t index)
{
    char title[32];
    struct progress progress = find_progress(comparison, index, title, sizeof title);
    call(&progress);
}

static void tick(void *unused)
{
    (void)unused;
    const struct comparison *comparison = all.running;
    if (comparison)
        show(progress_update, comparison, all.running_index);
}

static int measure(struct comparison *comparison, size_t index)
{
    all.running_index = index;
    all.running = comparison;
    comparison->measures[index].wants_picture =
        all.options.report || all.options.trace || all.options.timeline;
    show(progress_begin, comparison, index);
    int error = measure_run(&comparison->measures[index], &comparison->program);
    all.running = NULL;
    show(progress_end, comparison, index);
    return error;
}

/* Processes of its own are apart already; the ranks of a job know this process alone. */
static bool is_to_be_apart(const struct comparison *comparison, size_t index)
{
    return comparison->program.may_crash && comparison->measures[index].model != OVL_PROCESSES &&
           !models_have(&all.options.models, OVL_CLUSTER);
}

/* As `measure`; what may crash goes on in a child, and so do all that come after it. */
static int measure_safely(struct comparison *comparison, size_t index)
{
    struct apart_end end;
    if (!is_to_be_apart(comparison, index) || apart_begin(&end))
        return measure(comparison, index);
    show(progress_end, comparison, index);
    measure_note_crash(&comparison->measures[index], &comparison->program, end.how, end.after_ns);
    return 0;
}

/* Runs everything. EXIT_DONE or EXIT_REFUSED: some model could not run. */
static int measure_all(void)
{
    int code = EXIT_DONE;
    for (size_t n = 0; n < all.count; n++)
        for (size_t index = 0; index < all.comparisons[n].count && !watch_interrupted(); index++)
            if (measure_safely(&all.comparisons[n], index) != 0)
                code = EXIT_REFUSED;
    for (size_t n = 0; n < all.count && !watch_interrupted(); n++)
        comparison_predict(&all.comparisons[n]);
    return code;
}

static size_t count_failed(const struct comparison_view *view)
{
    size_t failed = 0;
    for (size_t n = 0; n < view->count; n++)
        failed += view->measures[n].failed;
    return failed;
}

static void warn_changed(void)
{
    if (all.io.changed > 0)
        console_error("warning: %zu downloads gave other bytes than the first of the same URL; "
                      "pages that change by themselves compare less well",
                      all.io.changed);
}

/* Prints the outcome. Returns `code`, or what the tasks or the output make of it. */
static int report(int code)
{
    struct comparison_view views[PROGRAMS];
    size_t failed = 0;
    for (size_t n = 0; n < all.count; n++) {
        comparison_look(&all.comparisons[n], &views[n]);
        failed += count_failed(&views[n]);
    }
    if (code == EXIT_DONE && failed > 0)
        code = EXIT_TASKS_FAILED;
    if (!all.options.json)
        summary_print(views, all.count, &all.terminal);
    else if (document_print(views, all.count) < 0)
        code = EXIT_REFUSED;
    if (all.options.timeline)
        report_timelines(all.options.json ? stderr : stdout, views, all.count, &all.terminal);
    if (report_write(&all.files, views, all.count) < 0)
        code = EXIT_REFUSED;
    code = output_finish(code);
    apart_settle(code);
    return code;
}

static void say_interrupted(void)
{
    console_error("interrupted; what was done until then is shown");
}

static void last_word(void *unused)
{
    (void)unused;
    struct comparison *comparison = all.running;
    if (comparison) {
        comparison->measures[all.running_index].failed += watch_running();
        show(progress_end, comparison, all.running_index);
    }
    say_interrupted();
    report(EXIT_INTERRUPTED);
    io_end_server(&all.io);
}

static int run_all(void)
{
    const struct watch_calls calls = {.tick = tick, .last_word = last_word};
    if (watch_start(&calls) < 0) {
        console_error("cannot start a thread; the machine has no more to give");
        return EXIT_REFUSED;
    }
    int code = measure_all();
    watch_finish();
    if (watch_interrupted()) {
        say_interrupted();
        code = EXIT_INTERRUPTED;
    }
    warn_changed();
    return report(code);
}

static int run(int argc, char **argv)
{
    all.options = (struct compare_options){
        .downloads = 160,
        .latency_ns = NOT_GIVEN,
        .size = (uint64_t)NOT_GIVEN,
        .timeout_ns = TIMEOUT_NS,
        .sums = 20,
        .number = NUMBER,
        .models = models_all(),
    };
    int code = parse(argc, argv, &all.options);
    if (code != OPTIONS_GO)
        return code;
    all.terminal = terminal_look(STDOUT_FILENO);
    progress_init((enum progress_mode)all.options.progress);
    code = set_up(&all.options);
    if (code == OPTIONS_GO)
        code = run_all();
    io_close(&all.io);
    return code;
}

const struct verb compare_verb = {
    .name = "compare",
    .summary = "measure work under every model",
    .run = run,
};
