#include "origin/page.h"

#include "values.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD sizeof(uint64_t)

/* The longest size that is looked at: "1099511627776". */
#define SIZE_TEXT_MAX 32

/* FNV-1a: paths are short. */
static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t n = 0; n < length; n++)
        hash = (hash ^ (unsigned char)text[n]) * UINT64_C(0x100000001b3);
    return hash;
}

/*
 * The n-th eight bytes. Splitmix64's finaliser on a counter gives random access; keeping six bits
 * of each byte and adding a space makes it printable, ' ' to '_'. Little-endian, wherever it is
 * made.
 */
static inline uint64_t word_at(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return htole64((z & UINT64_C(0x3f3f3f3f3f3f3f3f)) + UINT64_C(0x2020202020202020));
}

/* The value of "size" in a query, "a=b&size=10k"; NULL where there is none. */
static const char *find_size(const char *query, const char *end, size_t *ret_length)
{
    static const char key[] = "size=";
    while (query < end) {
        const char *next = memchr(query, '&', (size_t)(end - query));
        size_t length = (size_t)((next ? next : end) - query);
        if (length >= sizeof key - 1 && memcmp(query, key, sizeof key - 1) == 0) {
            *ret_length = length - (sizeof key - 1);
            return query + sizeof key - 1;
        }
        query += length + 1;
    }
    return NULL;
}

static int parse_size(const char *text, size_t length, uint64_t *ret_size)
{
    char copy[SIZE_TEXT_MAX];
    if (length >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';

    uint64_t size;
    enum value_error error = value_size(copy, &size);
    if (error == VALUE_TOO_LARGE || (error == VALUE_OK && size > PAGE_SIZE_MAX))
        return -EFBIG;
    if (error != VALUE_OK)
        return -EINVAL;
    *ret_size = size;
    return 0;
}

int page_find(const char *target, size_t length, uint64_t size, struct page *ret_page)
{
    const char *end = target + length;
    const char *mark = memchr(target, '?', length);
    size_t value_length = 0;
    const char *value = mark ? find_size(mark + 1, end, &value_length) : NULL;
    if (value) {
        int error = parse_size(value, value_length, &size);
        if (error)
            return error;
    }
    *ret_page = (struct page){
        .seed = hash_text(target, mark ? (size_t)(mark - target) : length),
        .size = size,
    };
    return 0;
}

/* Copies the part of one word that starts at `offset`: its end, or less. Returns how many bytes. */
static size_t fill_part(uint64_t seed, uint64_t offset, char *out, size_t size)
{
    uint64_t word = word_at(seed, offset / WORD);
    size_t skip = offset % WORD;
    size_t length = WORD - skip < size ? WORD - skip : size;
    memcpy(out, (const char *)&word + skip, length);
    return length;
}

void page_fill(const struct page *page, uint64_t offset, void *buffer, size_t size)
{
    char *out = buffer;
    if (offset % WORD && size > 0) {
        size_t length = fill_part(page->seed, offset, out, size);
        out += length;
        offset += length;
        size -= length;
    }
    uint64_t first = offset / WORD;
    size_t words = size / WORD;
    for (size_t n = 0; n < words; n++) {
        uint64_t word = word_at(page->seed, first + n);
        memcpy(out + n * WORD, &word, WORD);
    }
    if (size % WORD)
        fill_part(page->seed, offset + words * WORD, out + words * WORD, size % WORD);
}

bool page_matches(const struct page *page, uint64_t offset, const void *data, size_t size)
{
    if (offset > page->size || size > page->size - offset)
        return false;
    const char *in = data;
    while (size > 0) {
        char expected[2048];
        size_t length = size < sizeof expected ? size : sizeof expected;
        page_fill(page, offset, expected, length);
        if (memcmp(in, expected, length) != 0)
            return false;
        in += length;
        offset += length;
        size -= length;
    }
    return true;
}
