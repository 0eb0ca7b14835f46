#include "run/template.h"

#include "report/console.h"
#include "run/pieces.h"
#include "run/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of the variables by which a shell is given fields: OVERLAP_FIELD_1, …. */
#define VARIABLE "OVERLAP_FIELD_"

struct template
{
    struct template_options options;
    char *const *words;
    struct pieces *pieces; /* of each word */
    size_t count;
};

static const char *const appended[] = {"{}"};

/* --- parsing --- */

/* How deep substitutions within each other are followed. */
#define DEPTH_MAX 32

/* Where a shell's reading stands: in which quotes, and in those of which substitutions around. */
struct reading {
    enum piece_quoting quoting;
    enum piece_quoting around[DEPTH_MAX];
    size_t depth;
};

static void open_parenthesis(struct reading *reading)
{
    if (reading->depth == DEPTH_MAX)
        return;
    reading->around[reading->depth++] = reading->quoting;
    reading->quoting = QUOTING_NONE;
}

/* Reads one character, and a second where they belong together. Returns how many. */
static size_t read_character(struct reading *reading, const char *bytes, size_t size)
{
    enum piece_quoting quoting = reading->quoting;
    bool single = quoting == QUOTING_SINGLE;
    if (bytes[0] == '\\' && !single)
        return 2;
    if (bytes[0] == '\'' && quoting != QUOTING_DOUBLE)
        reading->quoting = single ? QUOTING_NONE : QUOTING_SINGLE;
    else if (bytes[0] == '"' && !single)
        reading->quoting = quoting == QUOTING_DOUBLE ? QUOTING_NONE : QUOTING_DOUBLE;
    else if (bytes[0] == '(' && quoting == QUOTING_NONE)
        open_parenthesis(reading);
    else if (bytes[0] == ')' && quoting == QUOTING_NONE && reading->depth)
        reading->quoting = reading->around[--reading->depth];
    else if (bytes[0] == '$' && size > 1 && bytes[1] == '(' && !single) {
        open_parenthesis(reading);
        return 2;
    }
    return 1;
}

/*
 * Follows a shell's quotes through a word, and notes for each replacement string which it is in.
 * Where it errs (in `case` within a substitution), a field is split at blanks, and still no code.
 */
static void follow_quotes(struct pieces *pieces, struct reading *reading)
{
    for (size_t n = 0; n < pieces->count; n++) {
        struct piece *piece = &pieces->list[n];
        const char *bytes = piece->text.data;
        piece->quoting = reading->quoting;
        for (size_t at = 0; piece->kind == PIECE_TEXT && at < piece->text.size;)
            at += read_character(reading, bytes + at, piece->text.size - at);
    }
}

static bool have_any(const struct template *template)
{
    for (size_t n = 0; n < template->count; n++)
        if (pieces_have(&template->pieces[n], PIECE_NUMBER))
            return true;
    return false;
}

static int cut_words(struct template *template, char *const *words, size_t count)
{
    const struct pieces_options options = {
        .replace = template->options.replace ? template->options.replace : "{}",
        .names = template->options.names,
        .plus = template->options.plus,
    };
    template->pieces = calloc(count + 1, sizeof *template->pieces);
    if (!template->pieces)
        return -ENOMEM;
    for (; template->count < count; template->count++)
        if (pieces_cut(words[template->count], &options, &template->pieces[template->count]))
            return -ENOMEM;
    if (template->options.append && !have_any(template)) {
        const struct pieces_options plain = {.replace = appended[0]};
        if (pieces_cut(appended[0], &plain, &template->pieces[template->count]))
            return -ENOMEM;
        template->count++;
    }
    struct reading reading = {0};
    for (size_t n = 0; n < template->count && template->options.shell; n++)
        follow_quotes(&template->pieces[n], &reading);
    return 0;
}

struct template *template_new(const struct template_options *options, char *const *words,
                              size_t count)
{
    struct template *template = calloc(1, sizeof *template);
    if (template)
        template->options = *options;
    if (!template || cut_words(template, words, count)) {
        console_error("out of memory for the command");
        template_free(template);
        return NULL;
    }
    template->words = words;
    return template;
}

void template_free(struct template *template)
{
    if (!template)
        return;
    for (size_t n = 0; template->pieces && n < template->count; n++)
        pieces_release(&template->pieces[n]);
    free(template->pieces);
    free(template);
}

bool template_names_command(const struct template *template)
{
    return template->count && pieces_have(&template->pieces[0], PIECE_NUMBER);
}

char *template_text(const struct template *template)
{
    struct text text = {0};
    for (size_t w = 0; w < template->count; w++) {
        const struct pieces *word = &template->pieces[w];
        struct text plain = {0};
        for (size_t n = 0; n < word->count; n++)
            text_add(&plain, word->list[n].text.data, word->list[n].text.size);
        text_add_string(&text, w ? " " : "");
        /* Braces are no danger where a person reads it. */
        if (template->options.shell || (word->count == 1 && word->list[0].kind != PIECE_TEXT))
            text_add(&text, plain.bytes, plain.size);
        else
            text_add_quoted(&text, (struct ovl_bytes){plain.bytes, plain.size});
        text_release(&plain);
    }
    return text_take(&text);
}

/* --- fields --- */

/* Which fields a piece names: from *ret_first, so many. */
static size_t fields_of(const struct piece *piece, const struct row *row, size_t *ret_first)
{
    *ret_first = 0;
    if (!piece->position)
        return row->count;
    long long count = (long long)row->count;
    long long n = piece->position > 0 ? piece->position : count + 1 + piece->position;
    *ret_first = n < 1 || n > count ? row->count : (size_t)n - 1;
    return 1;
}

/* One that the row does not have is empty. */
static struct ovl_bytes changed_field(const struct piece *piece, const struct row *row, size_t n)
{
    struct ovl_bytes none = {"", 0};
    return change_apply(&piece->change, n < row->count ? row_field(row, n) : none);
}

/* Adds what a piece stands for, as it is; all fields with blanks between them. */
static void add_plain(struct text *text, const struct piece *piece, const struct template_job *job)
{
    size_t first;
    size_t count;
    switch (piece->kind) {
    case PIECE_TEXT:
        text_add(text, piece->text.data, piece->text.size);
        return;
    case PIECE_NUMBER:
        text_format(text, "%llu", (unsigned long long)job->row->number);
        return;
    case PIECE_SLOT:
        text_format(text, "%u", job->slot);
        return;
    case PIECE_TOTAL:
        if (job->total >= 0)
            text_format(text, "%lld", job->total);
        return;
    case PIECE_FIELD:
        count = fields_of(piece, job->row, &first);
        for (size_t n = 0; n < count; n++) {
            struct ovl_bytes field = changed_field(piece, job->row, first + n);
            text_add(text, n ? " " : "", n ? 1 : 0);
            text_add(text, field.data, field.size);
        }
    }
}

/* --- rendering for a program --- */

/* The words of one job, one behind the other, each with a zero at its end. */
struct list {
    struct text text;
    size_t count;
};

static void end_word(struct list *list)
{
    text_add(&list->text, "", 1);
    list->count++;
}

/* Whether a word becomes one for each field: {} alone, or any with {} where contexts are repeated.
 */
static bool is_repeated(const struct template *template, const struct pieces *word)
{
    for (size_t n = 0; n < word->count; n++) {
        const struct piece *piece = &word->list[n];
        if (piece->kind == PIECE_FIELD && !piece->position &&
            (word->count == 1 || template->options.repeat_context))
            return true;
    }
    return false;
}

/* A word with the n-th field in place of all of them. */
static void add_repetition(struct list *list, const struct pieces *word,
                           const struct template_job *job, size_t n)
{
    for (size_t p = 0; p < word->count; p++) {
        const struct piece *piece = &word->list[p];
        if (piece->kind == PIECE_FIELD && !piece->position) {
            struct ovl_bytes field = changed_field(piece, job->row, n);
            text_add(&list->text, field.data, field.size);
        } else {
            add_plain(&list->text, piece, job);
        }
    }
    end_word(list);
}

static void add_word(struct list *list, const struct template *template, const struct pieces *word,
                     const struct template_job *job)
{
    if (is_repeated(template, word)) {
        for (size_t n = 0; n < job->row->count; n++)
            add_repetition(list, word, job, n);
        return;
    }
    for (size_t n = 0; n < word->count; n++)
        add_plain(&list->text, &word->list[n], job);
    end_word(list);
}

/* --- rendering for a shell --- */

/* The text for the shell, and the variables with the fields that it names. */
struct script {
    struct text text;
    struct list variables;
};

static void name_variable(struct script *script, enum piece_quoting quoting, size_t number)
{
    static const char *const before[] = {"\"${", "'\"${", "${"};
    static const char *const after[] = {"}\"", "}\"'", "}"};
    text_format(&script->text, "%s" VARIABLE "%zu%s", before[quoting], number, after[quoting]);
}

static void add_field(struct script *script, const struct piece *piece, struct ovl_bytes field)
{
    text_format(&script->variables.text, VARIABLE "%zu=", script->variables.count + 1);
    text_add(&script->variables.text, field.data, field.size);
    end_word(&script->variables);
    name_variable(script, piece->quoting, script->variables.count);
}

static void add_to_script(struct script *script, const struct piece *piece,
                          const struct template_job *job)
{
    if (piece->kind != PIECE_FIELD) {
        add_plain(&script->text, piece, job);
        return;
    }
    size_t first;
    size_t count = fields_of(piece, job->row, &first);
    for (size_t n = 0; n < count; n++) {
        text_add(&script->text, n ? " " : "", n ? 1 : 0);
        add_field(script, piece, changed_field(piece, job->row, first + n));
    }
}

static void write_script(struct script *script, const struct template *template,
                         const struct template_job *job)
{
    for (size_t w = 0; w < template->count; w++) {
        text_add(&script->text, w ? " " : "", w ? 1 : 0);
        for (size_t n = 0; n < template->pieces[w].count; n++)
            add_to_script(script, &template->pieces[w].list[n], job);
    }
}

/* --- results --- */

/* Points at each word of a list; returns what is behind the last pointer. */
static char **point_at(char **pointers, char *text, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        *pointers++ = text;
        text += strlen(text) + 1;
    }
    *pointers++ = NULL;
    return pointers;
}

static enum template_error make_arguments(const struct list *words, const struct list *variables,
                                          struct arguments *ret)
{
    if (words->text.failed || variables->text.failed)
        return TEMPLATE_NO_MEMORY;
    size_t pointers = (words->count + variables->count + 2) * sizeof(char *);
    char *memory = malloc(pointers + words->text.size + variables->text.size + 1);
    if (!memory)
        return TEMPLATE_NO_MEMORY;
    char *text = memory + pointers;
    if (words->text.size)
        memcpy(text, words->text.bytes, words->text.size);
    if (variables->text.size)
        memcpy(text + words->text.size, variables->text.bytes, variables->text.size);
    *ret = (struct arguments){.words = (char **)(void *)memory,
                              .count = words->count,
                              .variable_count = variables->count,
                              .memory = memory};
    ret->variables = point_at(ret->words, text, words->count);
    point_at(ret->variables, text + words->text.size, variables->count);
    return TEMPLATE_OK;
}

static bool has_zero_byte(const struct row *row)
{
    struct ovl_bytes item = row_item(row);
    return item.size && memchr(item.data, 0, item.size);
}

static enum template_error render_script(const struct template *template,
                                         const struct template_job *job, struct arguments *ret)
{
    struct script script = {0};
    write_script(&script, template, job);
    struct list words = {0};
    text_add_string(&words.text, "/bin/sh");
    end_word(&words);
    text_add_string(&words.text, "-c");
    end_word(&words);
    text_add(&words.text, script.text.bytes, script.text.size);
    end_word(&words);
    words.text.failed |= script.text.failed;
    enum template_error error = make_arguments(&words, &script.variables, ret);
    text_release(&script.text);
    text_release(&script.variables.text);
    text_release(&words.text);
    return error;
}

enum template_error template_render(const struct template *template, const struct template_job *job,
                                    struct arguments *ret)
{
    if (has_zero_byte(job->row))
        return TEMPLATE_ZERO_BYTE;
    if (template->options.shell)
        return render_script(template, job, ret);
    struct list words = {0};
    struct list none = {0};
    for (size_t n = 0; n < template->count; n++)
        add_word(&words, template, &template->pieces[n], job);
    enum template_error error = make_arguments(&words, &none, ret);
    text_release(&words.text);
    return error;
}

void arguments_release(struct arguments *arguments)
{
    free(arguments->memory);
    *arguments = (struct arguments){0};
}

/* --- for people --- */

/* A field as it could stand in a shell's text at this place. */
static void add_quoted_field(struct text *text, enum piece_quoting quoting, struct ovl_bytes field)
{
    const char *bytes = field.data;
    if (quoting == QUOTING_NONE) {
        text_add_quoted(text, field);
        return;
    }
    for (size_t n = 0; n < field.size; n++) {
        if (quoting == QUOTING_SINGLE && bytes[n] == '\'')
            text_add_string(text, "'\\'");
        else if (quoting == QUOTING_DOUBLE && strchr("\\\"$`", bytes[n]))
            text_add_string(text, "\\");
        text_add(text, bytes + n, 1);
    }
}

static void add_script_piece(struct text *text, const struct piece *piece,
                             const struct template_job *job)
{
    size_t first;
    if (piece->kind != PIECE_FIELD) {
        add_plain(text, piece, job);
        return;
    }
    size_t count = fields_of(piece, job->row, &first);
    for (size_t n = 0; n < count; n++) {
        text_add(text, n ? " " : "", n ? 1 : 0);
        add_quoted_field(text, piece->quoting, changed_field(piece, job->row, first + n));
    }
}

char *template_command(const struct template *template, const struct template_job *job)
{
    struct text text = {0};
    if (template->options.shell) {
        for (size_t w = 0; w < template->count; w++) {
            text_add(&text, w ? " " : "", w ? 1 : 0);
            for (size_t n = 0; n < template->pieces[w].count; n++)
                add_script_piece(&text, &template->pieces[w].list[n], job);
        }
        return text_take(&text);
    }
    struct list words = {0};
    for (size_t n = 0; n < template->count; n++) {
        size_t before = words.text.size;
        add_word(&words, template, &template->pieces[n], job);
        /* An item with a zero byte is no argument; here it is text. */
        for (size_t at = before; at < words.text.size;) {
            size_t size = strnlen(words.text.bytes + at, words.text.size - at);
            text_add(&text, " ", text.size ? 1 : 0);
            text_add_quoted(&text, (struct ovl_bytes){words.text.bytes + at, size});
            at += size + 1;
        }
    }
    text.failed |= words.text.failed;
    text_release(&words.text);
    return text_take(&text);
}

char *template_string(const struct template *template, const struct template_job *job)
{
    struct text text = {0};
    for (size_t w = 0; w < template->count; w++) {
        text_add(&text, " ", w ? 1 : 0);
        for (size_t n = 0; n < template->pieces[w].count; n++)
            add_plain(&text, &template->pieces[w].list[n], job);
    }
    return text_take(&text);
}
