#include "fetch/name.h"

#include "report/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An extension longer than this is none. */
#define EXTENSION_MAX 16

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Undoes the percent signs, in place. Returns the size that is left. */
static size_t decode(char *text, size_t size)
{
    size_t out = 0;
    for (size_t n = 0; n < size; n++) {
        int high = text[n] == '%' && n + 2 < size ? hex_digit(text[n + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[n + 2]) : -1;
        if (low >= 0) {
            text[out++] = (char)(high * 16 + low);
            n += 2;
        } else {
            text[out++] = text[n];
        }
    }
    return out;
}

/* The code point of a valid character of `size` bytes. */
static uint32_t code_point(const char *text, size_t size)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)*text & masks[size];
    for (size_t n = 1; n < size; n++)
        code = code << 6 | ((unsigned char)text[n] & 0x3f);
    return code;
}

/* Control characters, line and paragraph ends, marks of direction, and what is not there to be
 * seen. */
static bool is_unseen(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code == 0x061c ||
           (code >= 0xfff0 && code <= 0xfffc) || (code >= 0xe0000 && code <= 0xe0fff);
}

/* Means something to a shell's or another system's paths. */
static bool is_special(uint32_t code)
{
    return code < 0x80 && strchr("/\\:*?\"<>|", (int)code);
}

/* Copies what may stay; a byte that is no character becomes its percent sign again. */
static size_t copy_harmless(char *out, const char *text, size_t size)
{
    size_t used = 0;
    for (size_t n = 0; n < size;) {
        size_t length = utf8_character(text + n, size - n);
        if (length == 0) {
            used += (size_t)sprintf(out + used, "%%%02X", (unsigned char)text[n++]);
            continue;
        }
        uint32_t code = code_point(text + n, length);
        if (is_unseen(code) || is_special(code)) {
            out[used++] = '_';
        } else {
            memcpy(out + used, text + n, length);
            used += length;
        }
        n += length;
    }
    out[used] = '\0';
    return used;
}

/* Where the extension begins, its dot included; the end where there is none. */
static size_t extension_of(const char *name, size_t size)
{
    for (size_t n = size; n-- > 1 && size - n <= EXTENSION_MAX;)
        if (name[n] == '.')
            return n;
    return size;
}

static size_t shorten(char *name, size_t size)
{
    if (size <= NAME_BYTES_MAX)
        return size;
    size_t extension = extension_of(name, size);
    size_t stem = NAME_BYTES_MAX - (size - extension);
    while (stem > 0 && ((unsigned char)name[stem] & 0xc0) == 0x80)
        stem--;
    memmove(name + stem, name + extension, size - extension + 1);
    return stem + size - extension;
}

static bool is_device(const char *name)
{
    static const char *const devices[] = {"CON",    "PRN",     "AUX",   "NUL",
                                          "CONIN$", "CONOUT$", "CLOCK$"};
    size_t stem = strcspn(name, ".");
    while (stem > 0 && name[stem - 1] == ' ')
        stem--;
    for (size_t n = 0; n < sizeof devices / sizeof *devices; n++)
        if (strlen(devices[n]) == stem && strncasecmp(name, devices[n], stem) == 0)
            return true;
    /* COM1 to COM9 and LPT1 to LPT9; and with the raised digits of Latin-1, two bytes each. */
    if (stem < 4 || (strncasecmp(name, "COM", 3) != 0 && strncasecmp(name, "LPT", 3) != 0))
        return false;
    return (stem == 4 && name[3] >= '0' && name[3] <= '9') ||
           (stem == 5 &&
            (strncmp(name + 3, "\u00b9", 2) == 0 || strncmp(name + 3, "\u00b2", 2) == 0 ||
             strncmp(name + 3, "\u00b3", 2) == 0));
}

/* Neither spaces nor a dot at the end survive everywhere. */
static size_t trim_end(char *name, size_t size)
{
    while (size > 0 && (name[size - 1] == ' ' || name[size - 1] == '.'))
        size--;
    name[size] = '\0';
    return size;
}

char *name_clean(const char *text, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    /* Room for every byte as "%XX", for a '_' in front, and for the name that is used where there
     * is none. */
    char *name = malloc(size * 3 + 16);
    if (!name)
        return NULL;
    char *start = name + 1;
    size_t used = trim_end(start, copy_harmless(start, text, size));
    while (*start == ' ') {
        start++;
        used--;
    }
    if (used == 0) {
        strcpy(name, "index.html");
        return name;
    }
    if (*start == '.' || *start == '-' || *start == '~')
        *start = '_';
    used = trim_end(start, shorten(start, used));
    if (is_device(start)) {
        *--start = '_';
        used = trim_end(start, shorten(start, used + 1));
    }
    memmove(name, start, used + 1);
    return name;
}

char *name_of_url(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    const char *path = host + strcspn(host, "/?#");
    size_t size = strcspn(path, "?#");
    size_t last = size;
    while (last > 0 && path[last - 1] != '/')
        last--;
    size -= last;
    char *copy = malloc(size + 1);
    if (!copy)
        return NULL;
    memcpy(copy, path + last, size);
    copy[size] = '\0';
    char *name = name_clean(copy, decode(copy, size));
    free(copy);
    return name;
}

char *name_numbered(const char *name, unsigned number)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    size_t extension = (size_t)(base - name) + extension_of(base, strlen(base));
    char *numbered;
    int size = asprintf(&numbered, "%.*s.%u%s", (int)extension, name, number, name + extension);
    return size < 0 ? NULL : numbered;
}

bool name_stays_inside(const char *path)
{
    if (!*path || *path == '/')
        return false;
    for (const char *part = path;;) {
        size_t size = strcspn(part, "/");
        if (size == 0 || size > 255 - 16 || (size == 1 && *part == '.') ||
            (size == 2 && strncmp(part, "..", 2) == 0))
            return false;
        if (!part[size])
            return true;
        part += size + 1;
    }
}
