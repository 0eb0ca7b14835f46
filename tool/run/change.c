#include "run/change.h"

#include "report/utf8.h"

#include <stdint.h>
#include <string.h>

static const struct {
    const char *text;
    bool plus;
    struct change change;
} changes[] = {
    {"", false, {.kind = CHANGE_NONE}},
    {".", false, {.kind = CHANGE_PATH, .without = 1}},
    {"/", false, {.kind = CHANGE_PATH, .name_only = true}},
    {"//", false, {.kind = CHANGE_FOLDER}},
    {"/.", false, {.kind = CHANGE_PATH, .name_only = true, .without = 1}},
    {"..", true, {.kind = CHANGE_PATH, .without = 2}},
    {"...", true, {.kind = CHANGE_PATH, .without = 3}},
    {"/..", true, {.kind = CHANGE_PATH, .name_only = true, .without = 2}},
    {"/...", true, {.kind = CHANGE_PATH, .name_only = true, .without = 3}},
    {"+/", true, {.kind = CHANGE_PATH, .folder_only = true}},
    {"+.", true, {.kind = CHANGE_PATH, .extension = 1}},
    {"+..", true, {.kind = CHANGE_PATH, .extension = 2}},
    {"+...", true, {.kind = CHANGE_PATH, .extension = 3}},
};

/* --- reading --- */

/* A number at *at, which moves behind it. */
static bool read_number(const char **at, const char *end, size_t *ret_number)
{
    const char *digits = *at;
    size_t number = 0;
    while (*at < end && **at >= '0' && **at <= '9') {
        size_t digit = (size_t)(**at - '0');
        number = number > (SIZE_MAX - digit) / 10 ? SIZE_MAX : 10 * number + digit;
        ++*at;
    }
    *ret_number = number;
    return *at > digits;
}

static bool read_substring(const char *text, size_t size, struct change *ret_change)
{
    const char *end = text + size;
    ret_change->kind = CHANGE_SUBSTRING;
    ret_change->length = SIZE_MAX;
    if (!read_number(&text, end, &ret_change->from))
        return false;
    if (text < end && *text++ != ':')
        return false;
    return text[-1] != ':' ? text == end
                           : read_number(&text, end, &ret_change->length) && text == end;
}

/* One with an argument: `text` begins with what says which. */
static bool read_argument(const char *text, size_t size, struct change *ret_change)
{
    bool or_else = size > 2 && text[0] == ':' && text[1] == '-';
    size_t sign = or_else ? 2 : 1;
    if (size < 2)
        return false;
    if (text[0] == ':' && !or_else)
        return read_substring(text + 1, size - 1, ret_change);
    ret_change->text = (struct ovl_bytes){text + sign, size - sign};
    ret_change->kind = or_else ? CHANGE_DEFAULT : text[0] == '#' ? CHANGE_PREFIX : CHANGE_SUFFIX;
    return or_else || text[0] == '#' || text[0] == '%';
}

bool change_read(const char *text, size_t size, bool plus, struct change *ret_change)
{
    *ret_change = (struct change){0};
    for (size_t n = 0; n < sizeof changes / sizeof *changes; n++) {
        if (strlen(changes[n].text) != size || memcmp(text, changes[n].text, size) != 0)
            continue;
        *ret_change = changes[n].change;
        return plus || !changes[n].plus;
    }
    return plus && read_argument(text, size, ret_change);
}

/* --- paths --- */

static struct ovl_bytes from(struct ovl_bytes field, size_t start)
{
    return (struct ovl_bytes){(const char *)field.data + start, field.size - start};
}

/* Where the name begins, behind the last slash. */
static size_t name_start(struct ovl_bytes field)
{
    const char *bytes = field.data;
    size_t at = field.size;
    while (at && bytes[at - 1] != '/')
        at--;
    return at;
}

/* Where the last extension's dot is, or the field's size. */
static size_t extension_start(struct ovl_bytes field)
{
    const char *bytes = field.data;
    size_t start = name_start(field);
    for (size_t at = field.size; at-- > start;)
        if (bytes[at] == '.')
            return at;
    return field.size;
}

static struct ovl_bytes folder_of(struct ovl_bytes field)
{
    const char *bytes = field.data;
    while (field.size > 1 && bytes[field.size - 1] == '/')
        field.size--;
    size_t start = name_start(field);
    if (!start)
        return (struct ovl_bytes){".", 1};
    while (start > 1 && bytes[start - 1] == '/')
        start--;
    return (struct ovl_bytes){bytes, start};
}

/* The dot before the last `count` extensions, or the field's size where it has fewer. */
static size_t extensions_start(struct ovl_bytes field, unsigned count)
{
    struct ovl_bytes rest = field;
    while (count--) {
        size_t dot = extension_start(rest);
        if (dot == rest.size)
            return field.size;
        rest.size = dot;
    }
    return rest.size;
}

static struct ovl_bytes last_extensions(struct ovl_bytes field, unsigned count)
{
    size_t dot = extensions_start(field, count);
    return from(field, dot < field.size ? dot + 1 : dot);
}

static struct ovl_bytes part_of_path(const struct change *change, struct ovl_bytes field)
{
    size_t name = name_start(field);
    if (change->folder_only)
        return (struct ovl_bytes){field.data, name ? name - 1 : 0};
    if (change->extension)
        return last_extensions(field, change->extension);
    if (change->name_only)
        field = from(field, name);
    field.size = extensions_start(field, change->without);
    return field;
}

/* --- text --- */

static bool begins(struct ovl_bytes field, struct ovl_bytes text)
{
    return field.size >= text.size && memcmp(field.data, text.data, text.size) == 0;
}

static bool ends(struct ovl_bytes field, struct ovl_bytes text)
{
    return field.size >= text.size && begins(from(field, field.size - text.size), text);
}

/* Where the character with this number begins; a byte of no character is one. */
static size_t character_start(struct ovl_bytes field, size_t number)
{
    size_t at = 0;
    while (number-- && at < field.size) {
        size_t size = utf8_character((const char *)field.data + at, field.size - at);
        at += size ? size : 1;
    }
    return at;
}

static struct ovl_bytes substring(struct ovl_bytes field, size_t start, size_t length)
{
    field = from(field, character_start(field, start));
    field.size = character_start(field, length);
    return field;
}

struct ovl_bytes change_apply(const struct change *change, struct ovl_bytes field)
{
    switch (change->kind) {
    case CHANGE_PATH:
        return part_of_path(change, field);
    case CHANGE_FOLDER:
        return folder_of(field);
    case CHANGE_DEFAULT:
        return field.size ? field : change->text;
    case CHANGE_PREFIX:
        return begins(field, change->text) ? from(field, change->text.size) : field;
    case CHANGE_SUFFIX:
        field.size -= ends(field, change->text) ? change->text.size : 0;
        return field;
    case CHANGE_SUBSTRING:
        return substring(field, change->from, change->length);
    default:
        return field;
    }
}
