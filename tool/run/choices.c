#include "run/choices.h"

#include "command.h"
#include "options.h"
#include "report/console.h"
#include "run/foreign.h"
#include "values.h"
#include "wide.h"

#include <overlap/executor.h>
#include <overlap/model.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "auto", and the models that run commands, in the order of struct choices' `model`. */
static const char *const models[] = {"auto", "sync", "threads", "async", "cluster", NULL};

/* --- values of their own kinds --- */

static unsigned processors(void)
{
    unsigned count = ovl_model_default_workers(OVL_PROCESSES);
    return count ? count : 1;
}

static int complain_workers(const char *text)
{
    console_error("--workers %s: not understood; give auto, a number, a share of the processors "
                  "such as 50%%, or +N or -N to count from them",
                  text);
    return -1;
}

/* As GNU parallel's -j: N, N%, +N, -N; 0: as many as there may be. */
static int take_workers(void *target, const char *text)
{
    struct worker_choice *choice = target;
    if (strcmp(text, "auto") == 0) {
        *choice = (struct worker_choice){.given = true, .automatic = true};
        return 0;
    }
    size_t size = strlen(text);
    bool share = size && text[size - 1] == '%';
    bool more = text[0] == '+';
    bool fewer = text[0] == '-';
    char digits[24];
    size_t length = size - share - (more || fewer);
    uint64_t number;
    if (!size || length >= sizeof digits)
        return complain_workers(text);
    memcpy(digits, text + (more || fewer), length);
    digits[length] = '\0';
    if (value_number(digits, &number) != VALUE_OK || (share && (more || fewer)))
        return complain_workers(text);
    wide_uint count = number;
    if (share)
        count = (count * processors() + 50) / 100;
    else if (more)
        count = processors() + number;
    else if (fewer)
        count = number < processors() ? processors() - number : 1;
    if (share || more || fewer)
        count = count ? count : 1;
    if (count > OVL_COROUTINES_MAX) {
        console_error("--workers %s: too large; %d is the most", text, OVL_COROUTINES_MAX);
        return -1;
    }
    *choice = (struct worker_choice){.given = true, .count = (unsigned)count};
    return 0;
}

static int take_timeout(void *target, const char *text)
{
    struct timeout_choice *choice = target;
    size_t size = strlen(text);
    char *end;
    double percent = strtod(text, &end);
    if (size && text[size - 1] == '%' && end == text + size - 1 && percent > 0 && percent < 1e9) {
        *choice = (struct timeout_choice){.medians = percent / 100};
        return 0;
    }
    ovl_time ns;
    if (value_seconds(text, &ns) != VALUE_OK || ns <= 0) {
        console_error("--timeout %s: not understood; give seconds, a time such as 1.5s or 2m, or a "
                      "share of the median such as 300%%",
                      text);
        return -1;
    }
    *choice = (struct timeout_choice){.ns = ns};
    return 0;
}

/* A share is of the processors of this machine. */
static int take_load(void *target, const char *text)
{
    double *load = target;
    char *end;
    double number = strtod(text, &end);
    bool share = *end == '%';
    if (end == text || end[share] || !(number > 0)) {
        console_error("--load %s: not understood; give a number above 0, or a share of the "
                      "processors such as 100%%",
                      text);
        return -1;
    }
    *load = share ? number / 100 * ovl_model_default_workers(OVL_PROCESSES) : number;
    return 0;
}

static int add_text(struct texts *texts, const char *text)
{
    const char **list = realloc(texts->list, (texts->count + 2) * sizeof *list);
    if (!list) {
        console_error("out of memory for the options");
        return -1;
    }
    list[texts->count++] = text;
    list[texts->count] = NULL;
    texts->list = list;
    return 0;
}

static int take_setting(void *target, const char *text)
{
    size_t name = strcspn(text, "=");
    if (!name) {
        console_error("--env '%s': a name is missing; write NAME=VALUE", text);
        return -1;
    }
    if (text[name])
        return add_text(target, text);
    return 0; /* what is in overlap's environment is in the jobs' */
}

static int add_source(struct choices *choices, const struct source_choice *source)
{
    struct source_choice *sources =
        realloc(choices->sources, (choices->source_count + 1) * sizeof *sources);
    if (!sources) {
        console_error("out of memory for the options");
        return -1;
    }
    sources[choices->source_count++] = *source;
    choices->sources = sources;
    return 0;
}

static int take_file(void *target, const char *text)
{
    return add_source(target, &(struct source_choice){.path = text});
}

static int take_tag_text(void *target, const char *text)
{
    struct choices *choices = target;
    choices->tag = true;
    choices->tag_text = text;
    return 0;
}

/* --- the table --- */

/* An option by which people of other tools know it: not shown by --help. */
#define ALIAS .help = NULL

static int parse_options(struct choices *c, int argc, char **argv, int *ret_rest)
{
    const struct option options[] = {
        {.group = "Items",
         .name = "input",
         .letter = 'i',
         .kind = OPTION_TAKEN,
         .value = "FILE",
         .target = c,
         .take = take_file,
         .help =
             "read items from a file, one a line; -: standard\ninput (the default without :::)"},
        {.name = "arg-file",
         .letter = 'a',
         .kind = OPTION_TAKEN,
         .value = "FILE",
         .target = c,
         .take = take_file,
         ALIAS},
        {.name = "null",
         .letter = '0',
         .kind = OPTION_FLAG,
         .target = &c->null_ends,
         .help = "items end with a zero byte"},
        {.name = "delimiter",
         .letter = 'd',
         .kind = OPTION_TEXT,
         .value = "C",
         .target = &c->delimiter,
         .help = "items end with this character; \\t, \\n, \\0, \\xHH"},
        {.name = "colsep",
         .letter = 'C',
         .kind = OPTION_TEXT,
         .value = "REGEX",
         .target = &c->colsep,
         .help = "split items into {1}, {2}, ... where this matches"},
        {.name = "csv",
         .kind = OPTION_FLAG,
         .target = &c->csv,
         .help = "items are lines of CSV; --colsep is its separator (,)"},
        {.name = "header",
         .kind = OPTION_TEXT,
         .value = ":",
         .target = &c->header,
         .help = "the first item names the fields, for {name}, {name.}\n"
                 "and so on; tabs divide them, unless --colsep or --csv\n"
                 "is given. With --pipe it begins each block"},
        {.name = "link",
         .kind = OPTION_FLAG,
         .target = &c->link,
         .help = "take the n-th items of all sources together;\nshorter ones begin again"},
        {.name = "xapply", .kind = OPTION_FLAG, .target = &c->link, ALIAS},
        {.name = "no-run-if-empty",
         .letter = 'r',
         .kind = OPTION_FLAG,
         .target = &c->skip_empty,
         .help = "leave out items that are empty or blank"},
        {.name = "max-args",
         .letter = 'n',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .target = &c->per_job,
         .help = "so many items a job, at most"},
        {.name = "max-lines",
         .letter = 'L',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .target = &c->per_job,
         ALIAS},
        {.name = "max-replace-args",
         .letter = 'N',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .target = &c->fields_per_job,
         .help = "the same; with --pipe, records a job"},
        {.name = "xargs",
         .letter = 'm',
         .kind = OPTION_FLAG,
         .target = &c->many,
         .help = "as many items a job as a command line takes"},
        {.name = "context-replace",
         .letter = 'X',
         .kind = OPTION_FLAG,
         .target = &c->many_in_context,
         .help = "the same, and a word around {} is repeated for each"},
        {.name = "max-chars",
         .letter = 's',
         .kind = OPTION_SIZE,
         .value = "N",
         .least = 1,
         .target = &c->bytes_per_job,
         .help = "with -n, -m, -X: bytes of items a job, at most (128k)"},
        {.name = "pipe",
         .kind = OPTION_FLAG,
         .target = &c->pipe,
         .help = "give jobs blocks of the input on their standard input\n(--pipepart too)"},
        {.name = "spreadstdin", .kind = OPTION_FLAG, .target = &c->pipe, ALIAS},
        {.name = "pipepart", .kind = OPTION_FLAG, .target = &c->pipe, ALIAS},
        {.name = "block",
         .kind = OPTION_SIZE,
         .value = "N",
         .least = 1,
         .most = (uint64_t)1 << 30,
         .target = &c->block_bytes,
         .help = "with --pipe: how large a block is, about (1M)"},
        {.name = "recstart",
         .kind = OPTION_TEXT,
         .value = "TEXT",
         .target = &c->record_start,
         .help = "with --pipe: blocks begin with this"},
        {.name = "recend",
         .kind = OPTION_TEXT,
         .value = "TEXT",
         .target = &c->record_end,
         .help = "with --pipe: blocks end behind this (\\n; none with\n--recstart)"},

        {.group = "Command",
         .name = "shell",
         .kind = OPTION_FLAG,
         .target = &c->shell,
         .help = "join the words, and have /bin/sh read them; items are\nquoted. Without a "
                 "command, each item is one"},
        {.name = "replace",
         .letter = 'I',
         .kind = OPTION_TEXT,
         .value = "TEXT",
         .target = &c->replace,
         .help = "stands for the item in place of {}"},
        {.name = "plus",
         .kind = OPTION_FLAG,
         .target = &c->plus,
         .help =
             "more of them: {..} {...} two or three extensions less;\n{+/} the folder, {+.} the "
             "extension; {:-TEXT} where\nit is empty; {:N} {:N:M} from character N on, M of\n"
             "them; {#TEXT} {%TEXT} without TEXT before or behind"},
        {.name = "workdir",
         .kind = OPTION_TEXT,
         .value = "DIR",
         .target = &c->folder,
         .help = "run jobs in this folder"},
        {.name = "wd", .kind = OPTION_TEXT, .value = "DIR", .target = &c->folder, ALIAS},
        {.name = "env",
         .kind = OPTION_TAKEN,
         .value = "NAME=V",
         .target = &c->settings,
         .take = take_setting,
         .help = "set a variable of the jobs' environment"},
        {.name = "nice",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = 19,
         .target = &c->niceness,
         .help = "the priority of jobs, of which 19 is the lowest"},
        {.name = "dry-run",
         .kind = OPTION_FLAG,
         .target = &c->dry_run,
         .help = "print the commands and run none"},
        {.name = "dryrun", .kind = OPTION_FLAG, .target = &c->dry_run, ALIAS},

        {.group = "Workers",
         .name = "workers",
         .letter = 'w',
         .kind = OPTION_TAKEN,
         .value = "N",
         .target = &c->workers,
         .take = take_workers,
         .help = "jobs at once: auto (found by measuring, the default),\na number, N% of the "
                 "processors, +N, -N; 0: no limit.\nSIGUSR1 makes it one more, SIGUSR2 one fewer"},
        {.name = "jobs",
         .letter = 'j',
         .kind = OPTION_TAKEN,
         .value = "N",
         .target = &c->workers,
         .take = take_workers,
         ALIAS},
        {.name = "max-procs",
         .letter = 'P',
         .kind = OPTION_TAKEN,
         .value = "N",
         .target = &c->workers,
         .take = take_workers,
         ALIAS},
        {.name = "model",
         .kind = OPTION_CHOICE,
         .value = "MODEL",
         .choices = models,
         .target = &c->model,
         .help = "how overlap waits for jobs: auto, async, threads or\nsync (one job after the "
                 "other); cluster, where mpirun\nhas started it: on its ranks, a job each"},
        {.name = "memory-free",
         .kind = OPTION_SIZE,
         .value = "N",
         .target = &c->limits.memory_free,
         .help = "begin no job while less memory is free"},
        {.name = "memfree",
         .kind = OPTION_SIZE,
         .value = "N",
         .target = &c->limits.memory_free,
         ALIAS},
        {.name = "load",
         .kind = OPTION_TAKEN,
         .value = "N",
         .target = &c->limits.load,
         .take = take_load,
         .help = "begin no job while the load is higher: a number, or N%\nof the processors"},
        {.name = "delay",
         .kind = OPTION_SECONDS,
         .value = "D",
         .most = 3600 * (uint64_t)OVL_SECOND,
         .target = &c->delay,
         .help = "time between the starts of two jobs"},

        {.group = "Output",
         .name = "keep-order",
         .letter = 'k',
         .kind = OPTION_FLAG,
         .target = &c->keep_order,
         .help = "print output in the order of the items"},
        {.name = "line-buffer",
         .kind = OPTION_FLAG,
         .target = &c->line_buffer,
         .help = "print lines as they come, each whole"},
        {.name = "lb", .kind = OPTION_FLAG, .target = &c->line_buffer, ALIAS},
        {.name = "linebuffer", .kind = OPTION_FLAG, .target = &c->line_buffer, ALIAS},
        {.name = "ungroup",
         .letter = 'u',
         .kind = OPTION_FLAG,
         .target = &c->ungroup,
         .help = "jobs write for themselves; lines may be torn"},
        {.name = "tag",
         .kind = OPTION_FLAG,
         .target = &c->tag,
         .help = "begin each line with the item and a tab"},
        {.name = "tagstring",
         .kind = OPTION_TAKEN,
         .value = "TEXT",
         .target = c,
         .take = take_tag_text,
         .help = "begin each line with this and a tab; {} works"},
        {.name = "results",
         .kind = OPTION_TEXT,
         .value = "DIR",
         .target = &c->results,
         .help = "also keep the output of each job in files"},
        {.name = "json",
         .kind = OPTION_FLAG,
         .target = &c->json,
         .help = "print one JSON document; jobs' output goes to standard\nerror, or to --results"},
        {.name = "json-lines",
         .kind = OPTION_FLAG,
         .target = &c->json_lines,
         .help = "the same, a line for each job as it ends"},
        {.name = "progress",
         .kind = OPTION_CHOICE,
         .value = "WHEN",
         .choices = progress_modes,
         .target = &c->progress,
         .help = "auto (on a terminal), always or never"},
        {.name = "verbose",
         .letter = 'v',
         .kind = OPTION_FLAG,
         .target = &c->verbose,
         .help = "tell how the number of jobs is chosen, and why"},
        {.name = "trace-commands",
         .letter = 't',
         .kind = OPTION_FLAG,
         .target = &c->trace_commands,
         .help = "print each command on standard error as it ends"},
        {.name = "report",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &c->report,
         .help = "write a page (HTML) with the timeline of the jobs"},
        {.name = "trace",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &c->trace,
         .help = "write a trace that Perfetto and Chrome open"},
        {.name = "tmpdir",
         .kind = OPTION_TEXT,
         .value = "DIR",
         .target = &c->temporary,
         .help = "where large output waits ($TMPDIR, or /tmp)"},

        {.group = "When things go wrong",
         .name = "timeout",
         .kind = OPTION_TAKEN,
         .value = "D",
         .target = &c->timeout,
         .take = take_timeout,
         .help = "end a job that takes longer: seconds, a time, or N% of\nthe median"},
        {.name = "retries",
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .most = 1000000,
         .target = &c->tries,
         .help = "begin a job that fails up to N times in all (1)"},
        {.name = "halt",
         .kind = OPTION_TAKEN,
         .value = "RULE",
         .target = &c->halt,
         .take = halt_take,
         .help = "stop early: never (the default), or soon or now, a\ncomma, and fail, success or "
                 "done: now,fail=1"},

        {.group = "Records",
         .name = "journal",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &c->journal,
         .help = "remember in an SQLite file what became of each job; a\nsecond call does what is "
                 "left"},
        {.name = "joblog",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &c->joblog,
         .help = "write a line for each job, as GNU parallel does"},
        {.name = "resume",
         .kind = OPTION_FLAG,
         .target = &c->resume,
         .help = "go on with a journal although the command is another,\nor with a joblog"},
        {.name = "retry-failed",
         .kind = OPTION_FLAG,
         .target = &c->retry_failed,
         .help = "of a journal or joblog, run the failed jobs again"},
        {.name = "resume-failed", .kind = OPTION_FLAG, .target = &c->retry_failed, ALIAS},

        /* What people of GNU parallel and xargs write, and what is so anyway. */
        {.name = "group", .kind = OPTION_FLAG, .target = &c->ignored, ALIAS},
        {.name = "will-cite", .kind = OPTION_FLAG, .target = &c->ignored, ALIAS},
        {.name = "quote", .letter = 'q', .kind = OPTION_FLAG, .target = &c->ignored, ALIAS},
        {.name = "eta", .kind = OPTION_FLAG, .target = &c->want_progress, ALIAS},
        {.name = "bar", .kind = OPTION_FLAG, .target = &c->want_progress, ALIAS},
    };
    const struct usage usage = {
        .verb = "run",
        .synopsis = "[options] [--] COMMAND [ARG | {}]... [::: ITEM...]...",
        .about = "Runs a command for each item, several at once. How many is found by measuring.\n"
                 "\n"
                 "{} stands for the item, and comes last where it is not given; {.} without its\n"
                 "extension, {/} without its folder, {//} its folder, {/.} both; {1} a column or\n"
                 "the first source's item; {#} the job's number, {%} its place among those that\n"
                 "run. No shell is in between. Items follow ::: (:::: for files of them; :::+ and\n"
                 "::::+ go side by side with the source before), or come from standard input.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .foreign = foreign_options,
        .rest = ret_rest,
    };
    return options_parse(&usage, argc, argv);
}

/* --- what is behind the options --- */

/* Whether a word begins a source: ":::", "::::", and with "+" behind it. */
static bool is_separator(const char *word, bool *ret_files, bool *ret_linked)
{
    size_t colons = strspn(word, ":");
    bool linked = word[colons] == '+';
    if ((colons != 3 && colons != 4) || word[colons + linked])
        return false;
    *ret_files = colons == 4;
    *ret_linked = linked;
    return true;
}

static int take_sources(struct choices *choices, char **words)
{
    while (*words) {
        bool files = false;
        bool linked = false;
        bool ignored;
        is_separator(*words++, &files, &linked);
        size_t count = 0;
        while (words[count] && !is_separator(words[count], &ignored, &ignored))
            count++;
        if (files) {
            for (size_t n = 0; n < count; n++)
                if (add_source(choices, &(struct source_choice){.linked = linked && n == 0,
                                                                .path = words[n]}))
                    return -1;
        } else if (add_source(choices, &(struct source_choice){
                                           .linked = linked, .words = words, .count = count})) {
            return -1;
        }
        words += count;
    }
    return 0;
}

static int take_rest(struct choices *choices, char **words)
{
    size_t count = 0;
    bool ignored;
    while (words[count] && !is_separator(words[count], &ignored, &ignored))
        count++;
    choices->words = words;
    choices->word_count = count;
    return take_sources(choices, words + count);
}

/* Without a command, each item is one: the shell's to read. */
static char *const item_is_command[] = {"/bin/sh", "-c", "{}", NULL};

static int complain(const char *text)
{
    console_error("%s", text);
    return EXIT_USAGE;
}

/* A replacement string of GNU parallel's alone, which may stand in several words. */
static bool has_perl(const struct choices *choices)
{
    bool begun = false;
    for (size_t n = 0; n < choices->word_count; n++) {
        const char *begin = begun ? choices->words[n] : strstr(choices->words[n], "{=");
        begun = begin != NULL;
        if (begun && strstr(begin, "=}"))
            return true;
    }
    return false;
}

static int check(struct choices *choices)
{
    if (!choices->word_count) {
        if (!choices->shell)
            return complain("a command is missing: overlap run [options] -- COMMAND {}; with "
                            "--shell and no command, each item is one");
        choices->shell = false;
        choices->words = item_is_command;
        choices->word_count = 3;
    }
    if (choices->null_ends && choices->delimiter)
        return complain("-0 and --delimiter both say how items end; give one of them");
    if (choices->json && choices->json_lines)
        return complain("--json and --json-lines are two forms of one thing; give one of them");
    if (choices->ungroup && (choices->keep_order || choices->tag || choices->results ||
                             choices->json || choices->json_lines || choices->line_buffer))
        return complain(
            "--ungroup gives jobs overlap's own output; leave it out where output is to "
            "be kept in order, tagged or stored");
    if (choices->resume && !choices->journal && !choices->joblog)
        return complain("--resume and --retry-failed need to know what was done: add --journal "
                        "FILE, that of the first call");
    if (choices->header && strcmp(choices->header, ":") != 0)
        return complain("--header takes ':', for the first item of each input");
    if (!choices->replace && has_perl(choices))
        return complain("{= =} has an expression in Perl, which is not run; --plus has more "
                        "replacement strings; or put sed before it, or --shell, and 'f={}; echo "
                        "\"${f%.*.*}\"'; -I TEXT where it is text");
    if (choices->pipe && choices->source_count > 1)
        return complain("--pipe reads one input; give one -i FILE, or none for standard input");
    return OPTIONS_GO;
}

static void set_defaults(struct choices *choices)
{
    choices->many |= choices->many_in_context;
    choices->resume |= choices->retry_failed;
    if (choices->fields_per_job && !choices->pipe)
        choices->per_job = choices->fields_per_job;
    if (choices->want_progress && choices->progress == PROGRESS_AUTO)
        choices->progress = PROGRESS_ALWAYS;
}

int choices_parse(struct choices *ret, int argc, char **argv)
{
    *ret = (struct choices){.tries = 1, .block_bytes = 1 << 20};
    int rest = argc;
    int code = parse_options(ret, argc, argv, &rest);
    if (code != OPTIONS_GO)
        return code;
    if (take_rest(ret, argv + rest) < 0)
        return EXIT_USAGE;
    set_defaults(ret);
    return check(ret);
}

void choices_release(struct choices *choices)
{
    free(choices->sources);
    free(choices->settings.list);
}
