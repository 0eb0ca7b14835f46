/* `overlap advise`: runs a program, or looks at one that runs, and says which model of concurrency
 * it needs. */
#include "advise/advice.h"
#include "advise/before.h"
#include "advise/document.h"
#include "advise/launch.h"
#include "advise/observation.h"
#include "advise/outside.h"
#include "advise/page.h"
#include "advise/report.h"
#include "command.h"
#include "options.h"
#include "report/artifact.h"
#include "report/console.h"
#include "report/output.h"
#include "report/terminal.h"
#include "values.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OWN_FAILURE 125

struct settings {
    bool json;
    const char *output;
    const char *report;
    const char *trace;
    const char *check;
    uint64_t pid;
    ovl_time seconds;
    struct before before;
    char **command;
};

/* The files that are made beside the page. */
struct files {
    struct artifact output;
    struct artifact report;
    struct artifact trace;
};

static const char *agent_path(void)
{
    static char path[PATH_MAX];
    static const char *const places[] = {"../lib/overlap/overlap-agent.so",
                                         OVERLAP_AGENT_FROM_PROGRAM};
    char program[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0)
        return NULL;
    program[size] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
        char *real;
        if (snprintf(path, sizeof path, "%s/%s", program, places[n]) >= (int)sizeof path)
            continue;
        real = realpath(path, NULL);
        if (!real)
            continue;
        snprintf(path, sizeof path, "%s", real);
        free(real);
        return path;
    }
    return NULL;
}

static int take_operand(void *target, const char *text)
{
    (void)target;
    console_error("\"%s\" is no option: the command to run stands after --", text);
    return -1;
}

/* "10", as in the manual of others, and "10s". */
static int take_seconds(void *target, const char *text)
{
    ovl_time length_ns = 0;
    uint64_t number = 0;
    if (value_number(text, &number) == VALUE_OK && number < 1000000)
        length_ns = (ovl_time)number * OVL_SECOND;
    else if (value_duration(text, &length_ns) != VALUE_OK)
        length_ns = 0;
    if (length_ns <= 0) {
        console_error(
            "--seconds \"%s\" is no length of time: give a number of seconds, or 500ms, 2m", text);
        return -1;
    }
    *(ovl_time *)target = length_ns;
    return 0;
}

/* Everything from "--" on is the command's; what stands before it is ours. */
static int split(int argc, char **argv, struct settings *settings)
{
    for (int n = 1; n < argc; n++) {
        if (strcmp(argv[n], "--") == 0) {
            settings->command = argv[n + 1] ? &argv[n + 1] : NULL;
            argv[n] = NULL;
            return n;
        }
    }
    return argc;
}

static int read_settings(int argc, char **argv, struct settings *settings)
{
    const struct option options[] = {
        {.name = "pid",
         .letter = 'p',
         .kind = OPTION_NUMBER,
         .value = "PID",
         .help = "look at a process that runs already",
         .target = &settings->pid,
         .least = 1,
         .most = INT32_MAX},
        {.name = "seconds",
         .kind = OPTION_TAKEN,
         .value = "N",
         .help = "for so long (10); with a unit or in seconds",
         .target = &settings->seconds,
         .take = take_seconds},
        {.name = "json",
         .kind = OPTION_FLAG,
         .help = "print one JSON document, after the program's output",
         .target = &settings->json},
        {.name = "output",
         .letter = 'o',
         .kind = OPTION_TEXT,
         .value = "FILE",
         .help = "write the JSON document there instead",
         .target = &settings->output},
        {.name = "report",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .help = "write a page (HTML): the run, and what is predicted",
         .target = &settings->report},
        {.name = "trace",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .help = "write a trace for Perfetto or Chrome",
         .target = &settings->trace},
        {.name = "check",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .help = "say what an earlier document predicted, and what came",
         .target = &settings->check},
    };
    const struct usage usage = {
        .verb = "advise",
        .synopsis = "[options] -- COMMAND [ARGUMENT...] | -p PID",
        .about = "Runs a command as it is, and says what it waits for and where it computes,\n"
                 "which model of concurrency it needs, what to change, and what that would gain.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operand = take_operand,
    };
    return options_parse(&usage, split(argc, argv, settings), argv);
}

static int open_files(const struct settings *settings, struct files *files)
{
    *files = (struct files){.output = {.path = NULL}};
    return artifact_open(&files->output, "--output", settings->output) |
           artifact_open(&files->report, "--report", settings->report) |
           artifact_open(&files->trace, "--trace", settings->trace);
}

static void discard_files(struct files *files)
{
    artifact_discard(&files->output);
    artifact_discard(&files->report);
    artifact_discard(&files->trace);
}

static int write_files(const struct settings *settings, struct files *files,
                       const struct advice *advice, const struct timeline *ran)
{
    int failed = 0;
    if (files->output.path)
        failed |= advice_document(files->output.stream, advice) | artifact_commit(&files->output);
    if (files->report.path) {
        advice_report(files->report.stream, advice, ran, settings->command);
        failed |= artifact_commit(&files->report);
    }
    if (files->trace.path)
        failed |= advice_trace(files->trace.stream, advice, ran) | artifact_commit(&files->trace);
    if (settings->json && !files->output.path)
        failed |= advice_document(stdout, advice) | output_finish(0);
    return failed;
}

/* Says it all. Returns the exit code: the program's, unless what was asked for could not be
 * written. */
static int tell(const struct settings *settings, struct files *files, const struct advice *advice,
                const struct timeline *ran, int code)
{
    struct terminal terminal = terminal_look(STDERR_FILENO);
    char *page = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&page, &size);
    if (memory) {
        advice_page(memory, advice, &terminal);
        fclose(memory);
        fwrite(page, 1, size, stderr); /* in one piece */
    }
    free(page);
    if (settings->check)
        before_show(stderr, &settings->before, advice);
    /* Files of many megabytes come after the answer. */
    bool failed = write_files(settings, files, advice, ran) != 0;
    return failed ? EXIT_OWN_FAILURE : code;
}

/* A timeline takes more memory than all else, and is looked at in these alone. */
static int draw_where_wanted(const struct settings *settings, struct observation *observed)
{
    return settings->report || settings->trace ? observation_draw(observed) : 0;
}

static int run_program(const struct settings *settings, struct files *files)
{
    struct observation observed;
    const char *agent = agent_path();
    if (!agent) {
        console_error("overlap-agent.so is missing: it belongs into lib/overlap beside the folder "
                      "of this command");
        return EXIT_OWN_FAILURE;
    }
    int error = observation_open(&observed, true);
    if (error) {
        console_error("no folder for what is measured can be made in /dev/shm, $TMPDIR or /tmp: "
                      "%s",
                      strerror(-error));
        return EXIT_OWN_FAILURE;
    }
    error = draw_where_wanted(settings, &observed);
    if (error) {
        console_error("%s", strerror(-error));
        observation_close(&observed);
        return EXIT_OWN_FAILURE;
    }
    struct launch launch;
    int code = launch_start(&launch, settings->command, agent, observed.folder.path);
    if (!code) {
        do
            observation_look(&observed);
        while (!launch_wait(&launch, observed.period_ns));
        observation_finish(&observed);
        struct advice *advice = malloc(sizeof *advice);
        code = EXIT_OWN_FAILURE;
        if (advice) {
            advice_make(advice, &observed, launch.end_ns - launch.start_ns, launch.cpu_ns);
            advice->signal = launch_signal(&launch);
            advice->exit_code = launch_exit_code(&launch);
            code = tell(settings, files, advice, observed.timeline, advice->exit_code);
        }
        free(advice);
    }
    observation_close(&observed);
    return code;
}

static const char *why_not_attached(int error)
{
    switch (error) {
    case -ESRCH:
        return "there is no such process";
    case -ENODATA:
        return "it has ended, and its parent has not asked how yet: there is nothing to watch";
    case -EPERM:
        return "it is another user's: ask as that user, or as root";
    default:
        return strerror(-error);
    }
}

static int refuse_to_attach(uint64_t pid, int error)
{
    console_error("process %llu: %s", (unsigned long long)pid, why_not_attached(error));
    return EXIT_REFUSED;
}

/* Until the time is up, the process ends, or somebody has seen enough: what was seen is told then.
 */
static void watch_process(struct observation *observed, pid_t pid, ovl_time length_ns)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ovl_time end_ns = ovl_after(length_ns);
    while (!process_has_ended(pid) && ovl_now() < end_ns) {
        observation_look(observed);
        struct timespec pause = {.tv_sec = observed->period_ns / OVL_SECOND,
                                 .tv_nsec = observed->period_ns % OVL_SECOND};
        if (sigtimedwait(&set, NULL, &pause) > 0)
            break;
    }
}

static int look_at_process(const struct settings *settings, struct files *files)
{
    struct observation observed;
    int error = outside_open(&observed, (int)settings->pid);
    if (error)
        return refuse_to_attach(settings->pid, error);
    error = draw_where_wanted(settings, &observed);
    if (error) {
        observation_close(&observed);
        return refuse_to_attach(settings->pid, error);
    }
    watch_process(&observed, (pid_t)settings->pid, settings->seconds);
    observation_finish(&observed);
    struct advice *advice = malloc(sizeof *advice);
    int code = EXIT_REFUSED;
    if (advice) {
        advice_make(advice, &observed, observed.end_ns - observed.start_ns, -1);
        advice->attached = true;
        advice->ended = process_has_ended((pid_t)settings->pid);
        code = tell(settings, files, advice, observed.timeline, EXIT_DONE);
    }
    free(advice);
    observation_close(&observed);
    return code;
}

static int run(int argc, char **argv)
{
    struct settings settings = {.seconds = 10 * OVL_SECOND};
    int code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    if (settings.command && settings.pid) {
        console_error("a command and -p: one of the two");
        return EXIT_USAGE;
    }
    if (!settings.command && !settings.pid) {
        console_error("a command is missing: overlap advise -- COMMAND, or -p PID; `overlap advise "
                      "--help` tells more");
        return EXIT_USAGE;
    }
    if (settings.check && before_read(settings.check, &settings.before) != 0)
        return EXIT_OWN_FAILURE;
    struct files files;
    code = EXIT_OWN_FAILURE;
    if (open_files(&settings, &files) == 0)
        code = settings.pid ? look_at_process(&settings, &files) : run_program(&settings, &files);
    discard_files(&files);
    return code;
}

const struct verb advise_verb = {
    .name = "advise",
    .summary = "which model a program needs, and what it would gain",
    .run = run,
};
