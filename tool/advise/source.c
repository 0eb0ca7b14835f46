#include "advise/source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 512

/* --- lines --- */

static int indent_of(const char *text)
{
    int columns = 0;
    for (; *text == ' ' || *text == '\t'; text++)
        columns += *text == '\t' ? 8 : 1;
    return columns;
}

static bool is_blank(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '\0' || *text == '#';
}

bool source_line_whole(const char *file, int line, char *text, size_t size)
{
    FILE *stream = line > 0 && file[0] == '/' ? fopen(file, "re") : NULL;
    if (!stream)
        return false;
    char *buffer = NULL;
    size_t room = 0;
    bool found = false;
    for (int n = 1; n <= line && getline(&buffer, &room, stream) >= 0; n++)
        found = n == line;
    if (found) {
        snprintf(text, size, "%s", buffer);
        text[strcspn(text, "\r\n")] = '\0';
    }
    free(buffer);
    fclose(stream);
    return found;
}

bool source_line(const char *file, int line, char *text, size_t size)
{
    if (!source_line_whole(file, line, text, size))
        return false;
    size_t blanks = strspn(text, " \t");
    memmove(text, text + blanks, strlen(text + blanks) + 1);
    return true;
}

/* --- loops of C --- */

#define LOOP_LINES 400 /* that are looked at, from the line up */

static bool begins_loop(const char *text)
{
    static const char *const words[] = {"for", "while", "do", "loop"};
    text += strspn(text, " \t}");
    for (size_t n = 0; n < sizeof words / sizeof *words; n++) {
        size_t length = strlen(words[n]);
        if (strncmp(text, words[n], length) == 0 && !isalnum((unsigned char)text[length]) &&
            text[length] != '_')
            return true;
    }
    return false;
}

/* Of the lines from `first` to `line`: which begins a loop, as seen from the last of them out. */
static int loop_in(const int *indents, const bool *loops, int first, int line, bool beyond)
{
    int indent = indents[line - first];
    if (loops[line - first] && !beyond)
        return line;
    for (int n = line - 1; n >= first; n--) {
        if (indents[n - first] < 0 || indents[n - first] >= indent)
            continue;
        indent = indents[n - first];
        if (loops[n - first])
            return n;
    }
    return 0;
}

static int find_loop(const char *file, int first, int line, bool beyond)
{
    int indents[LOOP_LINES];
    bool loops[LOOP_LINES];
    if (first < line - LOOP_LINES + 1)
        first = line - LOOP_LINES + 1;
    if (first < 1)
        first = 1;
    /* What is inlined may stand before the function that it is in. */
    FILE *stream = line >= first && file[0] == '/' ? fopen(file, "re") : NULL;
    if (!stream)
        return 0;
    char *text = NULL;
    size_t room = 0;
    int n = 1;
    for (; n <= line && getline(&text, &room, stream) >= 0; n++) {
        if (n < first)
            continue;
        indents[n - first] = text[strspn(text, " \t\r\n")] ? indent_of(text) : -1;
        loops[n - first] = begins_loop(text);
    }
    free(text);
    fclose(stream);
    return n > line ? loop_in(indents, loops, first, line, beyond) : 0;
}

int source_loop(const char *file, int first, int line)
{
    return find_loop(file, first, line, false);
}

int source_outer_loop(const char *file, int first, int line)
{
    return find_loop(file, first, line, true);
}

/* --- streams --- */

bool source_is_stream(const struct place *loop)
{
    static const char *const reads[] = {".recv(",     ".read(",      ".readline(", "iter_content",
                                        "iter_lines", "iter_chunks", ".fetchone(", ".readinto("};
    char text[LINE_BYTES];
    if (!source_line(loop->file, loop->line, text, sizeof text))
        return false;
    for (size_t n = 0; n < sizeof reads / sizeof *reads; n++)
        if (strstr(text, reads[n]))
            return true;
    return false;
}

/* --- cautions --- */

static bool is_name(char character)
{
    return isalnum((unsigned char)character) || character == '_';
}

static size_t name_at(const char *text, char *name, size_t size)
{
    size_t length = 0;
    while (is_name(text[length]) && length + 1 < size) {
        name[length] = text[length];
        length++;
    }
    name[length] = '\0';
    return length;
}

/* `global x`, `nonlocal x`. */
static void look_for_global(const char *line, struct source_cautions *cautions)
{
    const char *at = line + strspn(line, " \t");
    size_t skip = strncmp(at, "global ", 7) == 0 ? 7 : strncmp(at, "nonlocal ", 9) == 0 ? 9 : 0;
    if (skip && !cautions->global[0])
        name_at(at + skip, cautions->global, sizeof cautions->global);
}

/* Reads the lines of a function from `first` on, until one that is indented no further. */
static void read_function(const char *file, int first, struct source_cautions *cautions)
{
    FILE *stream = first > 0 && file[0] == '/' ? fopen(file, "re") : NULL;
    if (!stream)
        return;
    char *line = NULL;
    size_t room = 0;
    int indent = -1;
    for (int n = 1; getline(&line, &room, stream) >= 0 && n < first + 400; n++) {
        if (n < first || is_blank(line))
            continue;
        if (indent < 0)
            indent = indent_of(line);
        else if (indent_of(line) <= indent && *(line + strspn(line, " \t")) != ')')
            break;
        look_for_global(line, cautions);
    }
    free(line);
    fclose(stream);
}

#define NAME_BYTES  64
#define CHAIN_LINES 12 /* of a loop that are looked at */

/* "x = …": the name, and what stands behind it. NULL: it is no such line. */
static const char *assignment(const char *line, char *name)
{
    const char *at = line + strspn(line, " \t");
    size_t length = name_at(at, name, NAME_BYTES);
    at += length + strspn(at + length, " \t");
    return length && at[0] == '=' && at[1] != '=' ? at + 1 : NULL;
}

/* Whether a text has this name as a value: none of an attribute, or of an argument. */
static bool has_name(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || (!is_name(at[-1]) && at[-1] != '.')) && !is_name(at[length]) &&
            at[length] != '=')
            return true;
    return false;
}

bool source_has_names(const char *text, const char *names)
{
    char name[NAME_BYTES];
    for (size_t length; *names; names += length ? length : 1) {
        length = name_at(names, name, sizeof name);
        if (length && has_name(text, name))
            return true;
    }
    return false;
}

/* "x = f(…)": what f is given, from the bracket on. NULL: it is no such line. */
static const char *arguments_of(const char *line, const char *function, char *ret_result)
{
    const char *value = assignment(line, ret_result);
    const char *call = value ? strstr(value, function) : NULL;
    return call && call[strlen(function)] == '(' ? call + strlen(function) : NULL;
}

/* What comes out goes in again: `x = f(x)`; or `page = f(x)`, and then `x = page.next`. */
static void look_for_chain(const struct place *function, const struct place *call,
                           struct source_cautions *cautions)
{
    char text[LINE_BYTES];
    char given[LINE_BYTES] = "";
    char result[NAME_BYTES] = "";
    char name[NAME_BYTES];
    for (int line = call->line; line < call->line + CHAIN_LINES && !cautions->chained; line++) {
        if (!source_line(call->file, line, text, sizeof text))
            continue;
        const char *value = assignment(text, name);
        if (given[0] && value)
            cautions->chained = has_name(given, name) && has_name(value, result);
        const char *arguments = arguments_of(text, function->function, name);
        if (!arguments)
            continue;
        snprintf(result, sizeof result, "%s", name);
        snprintf(given, sizeof given, "%s", arguments);
        cautions->chained |= has_name(given, result);
    }
}

#define CALL_LINES 4000

/* "on.function(": where the function's name is, and where it begins. NULL: it is not called there.
 */
static const char *find_call(const char *line, const char *function, const char **ret_begin)
{
    size_t length = strlen(function);
    const char *text = line + strspn(line, " \t");
    bool defines = strncmp(text, "def ", 4) == 0 || strncmp(text, "async def ", 10) == 0;
    for (const char *at = strstr(text, function); at && !defines; at = strstr(at + 1, function)) {
        const char *begin = at;
        while (begin > text && (is_name(begin[-1]) || begin[-1] == '.'))
            begin--;
        *ret_begin = begin;
        if (at[length] == '(' && (at == begin || at[-1] == '.'))
            return at;
    }
    return NULL;
}

/* What stands between the brackets, of which the first was before `text`. */
static void read_arguments(const char *text, struct source_call *call)
{
    int depth = 0;
    size_t length = 0;
    for (; text[length] && depth >= 0; length++)
        depth += (strchr("([{", text[length]) != NULL) - (strchr(")]}", text[length]) != NULL);
    call->whole = depth < 0 && length <= sizeof call->arguments;
    if (call->whole)
        snprintf(call->arguments, sizeof call->arguments, "%.*s", (int)length - 1, text);
}

struct source_call source_call(const struct place *from, const char *function)
{
    FILE *stream = from->line > 0 && from->file[0] == '/' ? fopen(from->file, "re") : NULL;
    struct source_call call = {0};
    char *line = NULL;
    size_t room = 0;
    for (int n = 1; stream && !call.line && n < from->line + CALL_LINES; n++) {
        if (getline(&line, &room, stream) < 0)
            break;
        const char *begin;
        const char *name =
            n >= from->line && !is_blank(line) ? find_call(line, function, &begin) : NULL;
        if (!name)
            continue;
        call.line = n;
        snprintf(call.on, sizeof call.on, "%.*s", (int)(name - begin), begin);
        read_arguments(name + strlen(function) + 1, &call);
    }
    free(line);
    if (stream)
        fclose(stream);
    return call;
}

bool source_accepts(const struct place *function, int line)
{
    int loop = source_loop(function->file, function->first_line, line);
    char text[LINE_BYTES];
    for (int n = loop; loop && n <= line; n++)
        if (source_line(function->file, n, text, sizeof text) && !is_blank(text) &&
            strstr(text, ".accept()"))
            return true;
    return false;
}

bool source_is_while(const char *file, int line)
{
    char text[LINE_BYTES];
    return source_line(file, line, text, sizeof text) && strncmp(text, "while", 5) == 0 &&
           !is_name(text[5]);
}

void source_cautions(const struct place *function, const struct place *call,
                     struct source_cautions *ret)
{
    *ret = (struct source_cautions){.chained = false};
    if (!function)
        return;
    read_function(function->file, function->first_line, ret);
    look_for_chain(function, call, ret);
}
