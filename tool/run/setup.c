#include "run/setup.h"

#include "command.h"
#include "report/console.h"
#include "report/output.h"
#include "run/escape.h"
#include "run/printer.h"
#include "run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap/executor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the kernel takes of arguments in all is a quarter of the stack's limit; this is below any.
 */
#define ITEM_BYTES_A_JOB (128u << 10)

/* Items that may wait for a worker, beyond one for each. */
#define AHEAD 16

static int no_memory(void)
{
    console_error("out of memory");
    return EXIT_REFUSED;
}

/* --- the command --- */

static int make_templates(struct setup *setup, const struct row *names)
{
    const struct choices *choices = setup->choices;
    const struct template_options command = {.shell = choices->shell,
                                             .repeat_context = choices->many_in_context,
                                             .append = !choices->pipe,
                                             .plus = choices->plus,
                                             .replace = choices->replace,
                                             .names = names};
    const struct template_options tag = {
        .plus = choices->plus, .replace = choices->replace, .names = names};
    static char *whole_item[] = {"{}"};
    char *text[] = {(char *)choices->tag_text};
    setup->template = template_new(&command, choices->words, choices->word_count);
    if (setup->template && choices->tag)
        setup->tag = template_new(&tag, choices->tag_text ? text : whole_item, 1);
    return setup->template && (setup->tag || !choices->tag) ? 0 : EXIT_REFUSED;
}

static int complain_command(const char *name, int error)
{
    bool sentence = strpbrk(name, " |;<>&$*") != NULL;
    if (error == -ENOENT && strchr(name, '/') == NULL)
        console_error("%s: command not found%s", name,
                      sentence ? "; --shell has a shell read it"
                               : "; is it spelt right, and in PATH?");
    else if (error == -ENOENT)
        console_error("%s: there is no such command", name);
    else if (error == -EACCES)
        console_error("%s: cannot be run: not a program, or not executable (chmod +x)", name);
    else
        return no_memory();
    return SETUP_NO_COMMAND;
}

/* Whether the word is a line, such as "gzip {}": a blank in it, and before that a command. */
static bool is_line_for_shell(int folder, const char *word)
{
    size_t length = strcspn(word, " \t\n");
    char *first = word[length] && !strchr(word, '/') ? strndup(word, length) : NULL;
    char *path = NULL;
    bool is_line = first && spawn_find(folder, first, &path) == 0;
    free(path);
    free(first);
    return is_line;
}

static int find_command(struct setup *setup)
{
    const struct choices *choices = setup->choices;
    if (choices->shell)
        setup->path = strdup("/bin/sh");
    else if (template_names_command(setup->template))
        return is_line_for_shell(setup->shared.folder, choices->words[0])
                   ? complain_command(choices->words[0], -ENOENT)
                   : 0;
    if (!setup->path) {
        int error = spawn_find(setup->shared.folder, choices->words[0], &setup->path);
        if (error)
            return complain_command(choices->words[0], error);
    }
    setup->shared.path = setup->path;
    return 0;
}

/* --- items --- */

static int make_style(const struct choices *choices, struct source_style *ret)
{
    *ret = (struct source_style){.delimiter = choices->null_ends ? '\0' : '\n',
                                 .csv = choices->csv,
                                 .skip_empty = choices->skip_empty};
    if (choices->delimiter && !escape_character(choices->delimiter, &ret->delimiter)) {
        console_error("--delimiter '%s': give one character, or \\t, \\n, \\0 or \\xHH",
                      choices->delimiter);
        return EXIT_USAGE;
    }
    return 0;
}

static int make_columns(struct setup *setup)
{
    const struct choices *choices = setup->choices;
    bool named = choices->header && !choices->pipe;
    if (!choices->colsep && !choices->csv && !named)
        return 0;
    if (choices->csv && choices->colsep && strlen(choices->colsep) != 1 &&
        strcmp(choices->colsep, "\\t") != 0) {
        console_error("--colsep '%s': CSV is separated by one character", choices->colsep);
        return EXIT_USAGE;
    }
    setup->columns = columns_new(choices->colsep ? choices->colsep
                                 : choices->csv  ? ","
                                                 : "\t",
                                 choices->csv);
    return setup->columns ? 0 : EXIT_USAGE;
}

static int add_source(struct setup *setup, const struct source_choice *choice, bool first,
                      const struct source_style *style)
{
    bool linked = choice->linked || (setup->choices->link && !first);
    struct source *source = choice->path ? source_file(choice->path, style)
                                         : source_words(choice->words, choice->count);
    if (!source)
        return choice->path ? EXIT_REFUSED : no_memory();
    if (inputs_add(setup->inputs, source, linked)) {
        source_close(source);
        return no_memory();
    }
    return 0;
}

static int add_sources(struct setup *setup, const struct source_style *style)
{
    const struct choices *choices = setup->choices;
    const struct source_choice standard = {.path = "-"};
    for (size_t n = 0; n < choices->source_count; n++) {
        int code = add_source(setup, &choices->sources[n], n == 0, style);
        if (code)
            return code;
    }
    if (choices->source_count)
        return 0;
    if (isatty(STDIN_FILENO))
        console_error("reading items from the terminal, one a line; Ctrl-D ends them");
    return add_source(setup, &standard, true, style);
}

/* Where only the beginning of records is given, they end with it. */
static int make_blocks(struct setup *setup)
{
    const struct choices *choices = setup->choices;
    const char *start = choices->record_start ? choices->record_start : "";
    const char *end = choices->record_end ? choices->record_end : *start ? "" : "\n";
    setup->between = malloc(strlen(start) + strlen(end) + 1);
    if (!setup->between)
        return -ENOMEM;
    size_t end_size = escape_text(end, setup->between);
    size_t size = end_size + escape_text(start, setup->between + end_size);
    setup->blocks = (struct source_blocks){
        .bytes = choices->block_bytes,
        .between = {setup->between, size},
        .end_size = end_size,
        .records = choices->fields_per_job,
    };
    return 0;
}

static int make_inputs(struct setup *setup)
{
    const struct choices *choices = setup->choices;
    struct source_style style;
    int code = make_style(choices, &style);
    if (!code)
        code = make_columns(setup);
    if (code)
        return code;
    if (choices->pipe && make_blocks(setup))
        return no_memory();
    const struct inputs_options options = {
        .blocks = choices->pipe ? &setup->blocks : NULL,
        .columns = choices->pipe ? NULL : setup->columns,
        .per_job = choices->per_job ? choices->per_job
                   : choices->many  ? SIZE_MAX
                                    : 1,
        .bytes_per_job = choices->bytes_per_job              ? choices->bytes_per_job
                         : choices->per_job || choices->many ? ITEM_BYTES_A_JOB
                                                             : 0,
        .wrap = choices->link,
        .header = choices->header,
    };
    setup->inputs = inputs_new(&options);
    if (!setup->inputs)
        return no_memory();
    code = add_sources(setup, &style);
    if (!code && inputs_begin(setup->inputs) < 0)
        code = EXIT_REFUSED;
    return code;
}

/* --- what jobs share --- */

const char *setup_temporary_folder(const struct choices *choices)
{
    const char *folder = choices->temporary ? choices->temporary : getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

static int open_folder(struct setup *setup)
{
    const char *folder = setup->choices->folder;
    setup->shared.folder = -1;
    if (!folder)
        return 0;
    setup->shared.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (setup->shared.folder >= 0)
        return 0;
    console_error("--workdir %s: %s; name a folder that is there", folder, strerror(errno));
    return EXIT_REFUSED;
}

static int make_shared(struct setup *setup, const struct pace_plan *plan)
{
    const struct choices *choices = setup->choices;
    struct job_shared *shared = &setup->shared;
    shared->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int error = shared->null < 0 ? -errno : guard_open(plan->most + 1, &setup->guard);
    if (error) {
        console_error("cannot begin: %s; end other programs", strerror(-error));
        return EXIT_REFUSED;
    }
    setup->spool = spool_new(setup_temporary_folder(choices));
    if (!setup->spool)
        return no_memory();
    shared->template = setup->template;
    shared->guard = setup->guard;
    shared->measures = plan->automatic;
    shared->spool = setup->spool;
    shared->settings = choices->settings.list;
    shared->niceness = (int)choices->niceness;
    shared->tries = (unsigned)choices->tries;
    shared->timeout_ns = choices->timeout.ns;
    shared->timeout_medians = choices->timeout.medians;
    shared->delay_ns = choices->delay;
    shared->halt = choices->halt;
    shared->output = choices->ungroup                               ? JOB_INHERITED
                     : choices->line_buffer && !choices->keep_order ? JOB_AS_IT_COMES
                                                                    : JOB_GROUPED;
    shared->keep_output = choices->results;
    shared->take = printer_take;
    return 0;
}

int setup_open(struct setup *setup, const struct choices *choices, const struct pace_plan *plan)
{
    setup->choices = choices;
    setup->shared.null = -1;
    int code = make_inputs(setup);
    if (!code)
        code = make_templates(setup, inputs_names(setup->inputs));
    if (!code)
        code = open_folder(setup);
    if (!code && !choices->dry_run)
        code = find_command(setup);
    if (!code && !choices->dry_run)
        code = make_shared(setup, plan);
    setup->shared.total = code ? 0 : inputs_total(setup->inputs);
    if (!code && !choices->dry_run)
        code = records_open(choices, setup->template, setup->spool, &setup->records);
    return code;
}

/* The command may be elsewhere on each machine; where it is not there, its jobs say so. */
int setup_rank_command(struct setup *setup, const struct row *names)
{
    if (setup->template)
        return 0;
    int code = make_templates(setup, names);
    if (code)
        return code;
    if (setup->choices->shell)
        setup->path = strdup("/bin/sh");
    else if (!template_names_command(setup->template))
        spawn_find(setup->shared.folder, setup->choices->words[0], &setup->path);
    setup->shared.template = setup->template;
    setup->shared.path = setup->path;
    return 0;
}

int setup_open_rank(struct setup *setup, const struct choices *choices,
                    const struct pace_plan *plan)
{
    setup->choices = choices;
    setup->shared.null = -1;
    int code = open_folder(setup);
    if (!code)
        code = make_shared(setup, plan);
    setup->shared.halt = (struct halt_rule){0}; /* the first rank knows how far the jobs are */
    bool named =
        choices->header && !choices->pipe; /* the first rank reads what fields are called */
    return code || named ? code : setup_rank_command(setup, NULL);
}

int setup_close(struct setup *setup)
{
    int code = records_close(setup->records);
    guard_close(setup->guard);
    spool_free(setup->spool);
    inputs_free(setup->inputs);
    columns_free(setup->columns);
    template_free(setup->template);
    template_free(setup->tag);
    free(setup->between);
    free(setup->path);
    if (setup->shared.null >= 0)
        close(setup->shared.null);
    if (setup->choices && setup->choices->folder && setup->shared.folder >= 0)
        close(setup->shared.folder);
    return code;
}

enum ovl_model setup_model(const struct choices *choices, const struct pace_plan *plan)
{
    if (choices->model == MODEL_CLUSTER)
        return OVL_CLUSTER;
    if (choices->model != MODEL_AUTO)
        return (enum ovl_model)(choices->model - 1);
    (void)plan;
    return OVL_ASYNC;
}

size_t setup_ahead(const struct choices *choices, unsigned workers)
{
    return choices->pipe ? workers + 1 : 2 * (size_t)workers + AHEAD;
}

size_t setup_window(const struct pace_plan *plan)
{
    return 2 * (size_t)plan->most + AHEAD;
}

int setup_session(void *context, void **ret_session)
{
    *ret_session = context;
    return 0;
}

static char *command_of(const struct setup *setup, const struct row *row, unsigned slot)
{
    const struct template_job values = {
        .row = row, .slot = slot, .total = inputs_total(setup->inputs)};
    return template_command(setup->template, &values);
}

void setup_tell_command(const struct setup *setup, const struct job *job)
{
    char *command = command_of(setup, job->row, job->slot);
    if (command)
        console_line("%s", command);
    free(command);
}

int setup_dry_run(struct setup *setup)
{
    struct ovl_bytes row;
    int result;
    while ((result = inputs_next(setup->inputs, true, &row)) == 1 && !ferror(stdout)) {
        char *command = command_of(setup, row.data, 1);
        if (!command)
            return no_memory();
        puts(command);
        free(command);
    }
    return output_finish(result < 0 ? EXIT_REFUSED : EXIT_DONE);
}
