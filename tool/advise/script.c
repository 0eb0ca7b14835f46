#include "advise/script.h"

#include <string.h>

/* Those whose programs are scripts. Their names may end in a version. */
static const char *const shells[] = {"ash", "bash", "dash", "fish", "ksh", "mksh", "sh", "zsh"};
static const char *const languages[] = {"Rscript", "deno", "erl",  "guile", "java", "julia", "lua",
                                        "luajit",  "node", "perl", "php",   "ruby", "tclsh"};

static bool is_one_of(const char *program, const char *const *names, size_t count)
{
    size_t length = strcspn(program, "-0123456789");
    for (size_t n = 0; n < count; n++)
        if (strlen(names[n]) == length && strncmp(program, names[n], length) == 0)
            return true;
    return false;
}

/* The program itself: what this command started, or what that became; or what it looks at from
 * outside. NULL: nothing is known of it. */
static const struct process *program_of(const struct observation *observed)
{
    if (!observed->folder.path[0])
        return observed->process_count ? observed->processes[0] : NULL;
    for (size_t n = observed->process_count; n-- > 0;)
        if (observed->processes[n]->child && !observed->processes[n]->launcher)
            return observed->processes[n];
    return NULL;
}

enum script_kind script_find(const struct observation *observed, const char **ret_program)
{
    const struct process *process = program_of(observed);
    const char *program = process ? process->program : "";
    *ret_program = program;
    if (is_one_of(program, shells, sizeof shells / sizeof *shells))
        return SCRIPT_SHELL;
    return is_one_of(program, languages, sizeof languages / sizeof *languages) ? SCRIPT_LANGUAGE
                                                                               : SCRIPT_NONE;
}
