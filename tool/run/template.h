/*
 * Templates: the words of a command with replacement strings, and the argument lists that they
 * make.
 *
 * {} all of the item's fields; {n} the n-th, {-n} the n-th from the end, {name} that of this name;
 * {.} without its extension, {/} without its folder, {//} its folder, {/.} both; also {n.} and so
 * on. {#} the job's number, {%} its place among those that run at once, {##} how many jobs there
 * are. With `plus` there are more (change.h). A word that is "{}" alone becomes a word for each
 * field. A field that an item does not have is empty. Where no word has a replacement string, "{}"
 * is appended.
 *
 * For a shell, the words are joined by blanks into one text that a shell reads. No byte of an item
 * is ever a part of that text: fields are in variables of the environment, and the text names
 * these, quoted as the place asks for.
 */
#ifndef TOOL_RUN_TEMPLATE_H
#define TOOL_RUN_TEMPLATE_H

#include "run/row.h"

struct template;

struct template_options {
    bool shell;
    bool repeat_context;     /* a word with {} in it is repeated whole for each field (-X) */
    bool append;             /* "{}" where there is none */
    bool plus;               /* the further replacement strings of change.h */
    const char *replace;     /* what stands for {}; NULL: "{}" */
    const struct row *names; /* what fields may be called in place of n; NULL: they have no names.
                                It is not needed once the template is made */
};

/* The words stay the caller's. NULL once it has said what is wrong. */
struct template *template_new(const struct template_options *options, char *const *words,
                              size_t count);
void template_free(struct template *template);

/* Whether the command's own name depends on the item. */
bool template_names_command(const struct template *template);

/* The command in words, quoted for a shell: the template itself. The caller frees it; NULL: no
 * memory. */
char *template_text(const struct template *template);

/* What of a job stands in its arguments beside its row. */
struct template_job {
    const struct row *row;
    unsigned slot;   /* from 1 */
    long long total; /* jobs in all; negative: not known */
};

/* Arguments of one job. */
struct arguments {
    char **words; /* ends in NULL */
    size_t count;
    char **variables; /* "NAME=value" for its environment; ends in NULL */
    size_t variable_count;
    void *memory; /* all of it */
};

enum template_error {
    TEMPLATE_OK,
    TEMPLATE_NO_MEMORY,
    TEMPLATE_ZERO_BYTE, /* an item has one, which no argument can */
};

enum template_error template_render(const struct template *template, const struct template_job *job,
                                    struct arguments *ret);
void arguments_release(struct arguments *arguments);

/* The command as a person would type it, quoted for a shell. The caller frees it; NULL: no memory.
 */
char *template_command(const struct template *template, const struct template_job *job);

/* Text that is not the command's, such as --tagstring: its replacement strings filled in, and no
 * word appended. The caller frees it; NULL: no memory. */
char *template_string(const struct template *template, const struct template_job *job);

#endif
