#include "run/escape.h"

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* An escape at the beginning of the text. Returns how many characters it has; 0: there is none. */
static size_t read_escape(const char *text, char *ret)
{
    static const char escapes[] = "n\nt\tr\r0\0\\\\";
    if (text[0] != '\\')
        return 0;
    for (size_t n = 0; n + 1 < sizeof escapes; n += 2) {
        if (text[1] == escapes[n]) {
            *ret = escapes[n + 1];
            return 2;
        }
    }
    if (text[1] != 'x' || hex_digit(text[2]) < 0 || hex_digit(text[3]) < 0)
        return 0;
    *ret = (char)(hex_digit(text[2]) * 16 + hex_digit(text[3]));
    return 4;
}

bool escape_character(const char *text, char *ret)
{
    if (text[0] && !text[1]) {
        *ret = text[0];
        return true;
    }
    char byte = 0;
    size_t size = read_escape(text, &byte);
    if (!size || text[size])
        return false;
    *ret = byte;
    return true;
}

size_t escape_text(const char *text, char *ret)
{
    size_t count = 0;
    while (*text) {
        size_t size = read_escape(text, &ret[count]);
        if (!size)
            ret[count] = *text;
        text += size ? size : 1;
        count++;
    }
    return count;
}
