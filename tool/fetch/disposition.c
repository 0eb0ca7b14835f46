#include "fetch/disposition.h"

#include "fetch/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where reading stands, and what it found: names without their quotes, still as they were coded. */
struct reader {
    const char *next;
    char *plain;    /* of filename= */
    char *extended; /* of filename*= */
};

static void skip_spaces(struct reader *reader)
{
    reader->next += strspn(reader->next, " \t");
}

/* Reads a token or a quoted string, into a copy. NULL: no memory. */
static char *read_value(struct reader *reader)
{
    bool quoted = *reader->next == '"';
    reader->next += quoted;
    char *value = malloc(strlen(reader->next) + 1);
    size_t size = 0;
    while (*reader->next && (quoted ? *reader->next != '"' : *reader->next != ';')) {
        if (quoted && *reader->next == '\\' && reader->next[1])
            reader->next++;
        if (value)
            value[size++] = *reader->next;
        reader->next++;
    }
    reader->next += quoted && *reader->next == '"';
    while (value && !quoted && size > 0 && strchr(" \t", value[size - 1]))
        size--;
    if (value)
        value[size] = '\0';
    return value;
}

/* The first of each kind counts. */
static void keep(char **place, char *value)
{
    if (*place)
        free(value);
    else
        *place = value;
}

static void read_parameter(struct reader *reader)
{
    const char *name = reader->next;
    size_t size = strcspn(name, "=; \t");
    reader->next += size;
    skip_spaces(reader);
    if (*reader->next != '=')
        return;
    reader->next++;
    skip_spaces(reader);
    char *value = read_value(reader);
    if (size == 8 && strncasecmp(name, "filename", 8) == 0)
        keep(&reader->plain, value);
    else if (size == 9 && strncasecmp(name, "filename*", 9) == 0)
        keep(&reader->extended, value);
    else
        free(value);
}

static size_t put_utf8(char *out, unsigned char latin1)
{
    if (latin1 < 0x80) {
        *out = (char)latin1;
        return 1;
    }
    out[0] = (char)(0xc0 | latin1 >> 6);
    out[1] = (char)(0x80 | (latin1 & 0x3f));
    return 2;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Decodes UTF-8'language'percent-coded. NULL: another character set, or no memory. */
static char *decode_extended(const char *value)
{
    bool utf8 = strncasecmp(value, "utf-8'", 6) == 0;
    bool latin1 = strncasecmp(value, "iso-8859-1'", 11) == 0;
    const char *text = utf8 || latin1 ? strchr(value, '\'') + 1 : NULL;
    text = text ? strchr(text, '\'') : NULL;
    if (!text)
        return NULL;
    char *name = malloc(strlen(text) * 2 + 1);
    size_t size = 0;
    for (text++; name && *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (*text == '%' && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
            byte = (unsigned char)(hex(text[1]) * 16 + hex(text[2]));
            text += 2;
        }
        if (latin1)
            size += put_utf8(name + size, byte);
        else
            name[size++] = (char)byte;
    }
    if (name)
        name[size] = '\0';
    return name && memchr(name, '\0', size) ? (free(name), NULL) : name;
}

static char *clean_last(const char *path)
{
    const char *last = path;
    for (const char *at = path; *at; at++)
        if (*at == '/' || *at == '\\')
            last = at + 1;
    return *last ? name_clean(last, strlen(last)) : NULL;
}

char *disposition_name(const char *value)
{
    struct reader reader = {.next = value + strcspn(value, ";")};
    while (*reader.next) {
        reader.next += strspn(reader.next, "; \t");
        const char *before = reader.next;
        read_parameter(&reader);
        if (reader.next == before && *reader.next)
            reader.next++;
    }
    char *decoded = reader.extended ? decode_extended(reader.extended) : NULL;
    char *name = NULL;
    if (decoded)
        name = clean_last(decoded);
    if (!name && reader.plain)
        name = clean_last(reader.plain);
    free(decoded);
    free(reader.plain);
    free(reader.extended);
    return name;
}
