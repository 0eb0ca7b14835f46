#include "run/text.h"

#include "report/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for so many more bytes, and a zero. */
static bool reserve(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    if (text->size + more + 1 <= text->room)
        return true;
    size_t room = 2 * (text->size + more) + 64;
    char *moved = realloc(text->bytes, room);
    text->failed = !moved;
    if (!moved)
        return false;
    text->bytes = moved;
    text->room = room;
    return true;
}

void text_add(struct text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size) || !size)
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 || !reserve(text, (size_t)size))
        return;
    va_start(arguments, format);
    vsnprintf(text->bytes + text->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
}

static bool is_safe(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte && strchr("_-./:,+@%=", byte));
}

void text_add_quoted(struct text *text, struct ovl_bytes word)
{
    const char *bytes = word.data;
    bool safe = word.size > 0;
    for (size_t n = 0; n < word.size && safe; n++)
        safe = is_safe((unsigned char)bytes[n]);
    if (safe) {
        text_add(text, bytes, word.size);
        return;
    }
    text_add_string(text, "'");
    for (size_t n = 0; n < word.size; n++) {
        if (bytes[n] == '\'')
            text_add_string(text, "'\\''");
        else
            text_add(text, bytes + n, 1);
    }
    text_add_string(text, "'");
}

static void add_escaped(struct text *text, unsigned char byte)
{
    switch (byte) {
    case '"':
        text_add_string(text, "\\\"");
        break;
    case '\\':
        text_add_string(text, "\\\\");
        break;
    case '\n':
        text_add_string(text, "\\n");
        break;
    case '\t':
        text_add_string(text, "\\t");
        break;
    case '\r':
        text_add_string(text, "\\r");
        break;
    default:
        text_format(text, "\\u%04x", byte);
    }
}

void text_add_json(struct text *text, struct ovl_bytes value)
{
    const char *bytes = value.data;
    text_add_string(text, "\"");
    for (size_t at = 0; at < value.size;) {
        unsigned char byte = (unsigned char)bytes[at];
        size_t size = utf8_character(bytes + at, value.size - at);
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f)
            add_escaped(text, byte);
        else if (size)
            text_add(text, bytes + at, size);
        else
            text_add_string(text, "\xef\xbf\xbd");
        at += size ? size : 1;
    }
    text_add_string(text, "\"");
}

void text_add_base64(struct text *text, struct ovl_bytes value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = value.data;
    for (size_t at = 0; at < value.size; at += 3) {
        size_t left = value.size - at;
        unsigned group = (unsigned)bytes[at] << 16 | (left > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
                         (left > 2 ? bytes[at + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        text_add(text, four, sizeof four);
    }
}

void text_clear(struct text *text)
{
    text->size = 0;
    text->failed = false;
}

void text_release(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

char *text_take(struct text *text)
{
    if (!reserve(text, 0)) {
        text_release(text);
        return NULL;
    }
    char *bytes = text->bytes;
    bytes[text->size] = '\0';
    *text = (struct text){0};
    return bytes;
}
