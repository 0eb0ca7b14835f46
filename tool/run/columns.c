#include "run/columns.h"

#include "report/console.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct columns {
    bool csv;
    bool plain; /* one character, and no expression */
    char separator;
    regex_t expression;
};

/* Writes \t, \n and \\ as the characters that they are; other escapes are the expression's. */
static char *translate(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    char *to = copy;
    while (copy && *text) {
        if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n')) {
            *to++ = text[1] == 't' ? '\t' : '\n';
            text += 2;
        } else if (text[0] == '\\' && text[1]) {
            *to++ = *text++;
            *to++ = *text++;
        } else {
            *to++ = *text++;
        }
    }
    if (copy)
        *to = '\0';
    return copy;
}

static bool is_plain(const char *separator)
{
    return separator[0] && !separator[1] && !strchr(".[{}()\\*+?|^$", separator[0]);
}

/* Behind the bracket expression that begins at `text`; the first of its characters may be its
 * end's. */
static const char *skip_bracket(const char *text)
{
    text += text[1] == '^' ? 2 : 1;
    if (*text == ']')
        text++;
    text += strcspn(text, "]");
    return text + (*text == ']');
}

/* Whether something that may be repeated is repeated again: libc takes twice as long to compile an
 * expression for each one more. */
static bool is_nested(const char *text)
{
    bool repeated = false;
    while (*text) {
        bool repeats = strchr("*+?{", *text);
        if (repeats && repeated)
            return true;
        repeated = repeats;
        if (*text == '{')
            text += strcspn(text, "}");
        if (*text == '[')
            text = skip_bracket(text);
        else
            text += text[0] == '\\' && text[1] ? 2 : *text != '\0';
    }
    return false;
}

/* An expression that matches nothing would split between all bytes. */
static int compile(struct columns *columns, const char *separator)
{
    char why[128];
    if (is_nested(separator)) {
        console_error("--colsep '%s': one repetition stands behind another; give one of *, + and ?",
                      separator);
        return -1;
    }
    int code = regcomp(&columns->expression, separator, REG_EXTENDED);
    if (code) {
        regerror(code, &columns->expression, why, sizeof why);
        console_error("--colsep '%s': %s; give a regular expression, such as ',' or '\\t'",
                      separator, why);
        return -1;
    }
    if (regexec(&columns->expression, "", 0, NULL, 0) == 0) {
        console_error("--colsep '%s': matches where there is nothing; give what stands between "
                      "columns",
                      separator);
        regfree(&columns->expression);
        return -1;
    }
    return 0;
}

struct columns *columns_new(const char *separator, bool csv)
{
    struct columns *columns = calloc(1, sizeof *columns);
    char *translated = translate(separator);
    if (!columns || !translated) {
        console_error("--colsep: out of memory");
        free(columns);
        free(translated);
        return NULL;
    }
    columns->csv = csv;
    columns->plain = csv || is_plain(translated);
    columns->separator = translated[0];
    if (!columns->plain && compile(columns, translated) < 0) {
        free(columns);
        columns = NULL;
    }
    free(translated);
    return columns;
}

void columns_free(struct columns *columns)
{
    if (!columns)
        return;
    if (!columns->plain)
        regfree(&columns->expression);
    free(columns);
}

/* The next separator from `at` on; false: there is none. */
static bool find(const struct columns *columns, const char *bytes, size_t size, size_t at,
                 struct row_range *ret_found)
{
    if (columns->plain) {
        const char *found = memchr(bytes + at, columns->separator, size - at);
        if (found)
            *ret_found = (struct row_range){(size_t)(found - bytes), 1};
        return found;
    }
    regmatch_t match = {.rm_so = (regoff_t)at, .rm_eo = (regoff_t)size};
    if (regexec(&columns->expression, bytes, 1, &match,
                at ? REG_STARTEND | REG_NOTBOL : REG_STARTEND))
        return false;
    *ret_found = (struct row_range){(size_t)match.rm_so, (size_t)(match.rm_eo - match.rm_so)};
    return ret_found->size > 0;
}

static int split(const struct columns *columns, struct ovl_bytes record,
                 struct row_builder *builder)
{
    size_t base = builder->size - record.size;
    size_t at = 0;
    struct row_range separator = {0};
    while (find(columns, record.data, record.size, at, &separator)) {
        if (row_builder_mark(builder, (struct row_range){base + at, separator.start - at}))
            return -ENOMEM;
        at = separator.start + separator.size;
    }
    return row_builder_mark(builder, (struct row_range){base + at, record.size - at});
}

/* Appends one field of CSV, without its quotes and with each "" as one. Returns where it ended. */
static size_t take_quoted(const char *bytes, size_t size, size_t at, char *to, size_t *ret_size)
{
    size_t length = 0;
    bool quoted = true;
    for (at++; at < size; at++) {
        if (quoted && bytes[at] == '"' && at + 1 < size && bytes[at + 1] == '"')
            to[length++] = bytes[++at];
        else if (bytes[at] == '"')
            quoted = !quoted;
        else
            to[length++] = bytes[at];
    }
    *ret_size = length;
    return at;
}

/* Where a field of CSV ends: at the next separator outside of quotes. */
static size_t csv_end(const struct columns *columns, const char *bytes, size_t size, size_t at)
{
    bool quoted = false;
    for (; at < size; at++) {
        if (bytes[at] == '"')
            quoted = !quoted;
        else if (bytes[at] == columns->separator && !quoted)
            break;
    }
    return at;
}

/* Fields of CSV are not parts of their record where they were quoted: the item is the fields. */
static int split_csv(const struct columns *columns, struct ovl_bytes record,
                     struct row_builder *builder)
{
    const char *bytes = record.data;
    size_t size = record.size;
    if (size && bytes[size - 1] == '\r')
        size--;
    char *plain = malloc(size + 1);
    int error = plain ? 0 : -ENOMEM;
    for (size_t at = 0; !error && at <= size; at++) {
        size_t end = csv_end(columns, bytes, size, at);
        struct ovl_bytes field = {bytes + at, end - at};
        if (end > at && bytes[at] == '"') {
            take_quoted(bytes, end, at, plain, &field.size);
            field.data = plain;
        }
        error = row_builder_add(builder, field);
        at = end;
    }
    free(plain);
    return error;
}

int columns_split(const struct columns *columns, struct ovl_bytes record,
                  struct row_builder *builder)
{
    if (columns->csv)
        return split_csv(columns, record, builder);
    if (builder->size && row_builder_text(builder, (struct ovl_bytes){" ", 1}))
        return -ENOMEM;
    if (row_builder_text(builder, record))
        return -ENOMEM;
    return split(columns, record, builder);
}
