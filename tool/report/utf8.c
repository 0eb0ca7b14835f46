#include "report/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd";

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length that a first byte tells of, and the least and the most that may follow it. */
static size_t look_at_first(unsigned char first, unsigned char *least, unsigned char *most)
{
    *least = 0x80;
    *most = 0xbf;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0)
            *least = 0xa0;
        if (first == 0xed)
            *most = 0x9f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0)
            *least = 0x90;
        if (first == 0xf4)
            *most = 0x8f;
        return 4;
    }
    return 0;
}

size_t utf8_character(const char *text, size_t size)
{
    if (!size)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char least;
    unsigned char most;
    size_t length = look_at_first(bytes[0], &least, &most);
    if (!length || length > size)
        return 0;
    if (length > 1 && (bytes[1] < least || bytes[1] > most))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_continuation(bytes[i]))
            return 0;
    return length;
}

bool utf8_is_valid(const char *text, size_t size)
{
    while (size) {
        size_t length = utf8_character(text, size);
        if (!length)
            return false;
        text += length;
        size -= length;
    }
    return true;
}

char *utf8_clean(const char *text, size_t size)
{
    char *clean = malloc(3 * size + 1);
    if (!clean)
        return NULL;
    char *end = clean;
    while (size) {
        size_t length = *text ? utf8_character(text, size) : 0;
        const char *from = length ? text : replacement;
        size_t bytes = length ? length : sizeof replacement - 1;
        memcpy(end, from, bytes);
        end += bytes;
        text += length ? length : 1;
        size -= length ? length : 1;
    }
    *end = '\0';
    return clean;
}
