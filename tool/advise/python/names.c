#include "advise/python/names.h"

#include <string.h>

#define ENTRIES_MOST 4096
#define ENTRIES_READ 48 /* at once */
#define STATE_READS  5  /* so often, for the state of all */

/* Of a dict, since 3.6: its entries stand in the order in which they came to be. */
#define DICT_KEYS 32

/* An entry: its hash, where that is not the name's own; its key; its value. */
struct entries {
    uint64_t start;
    size_t count;
    size_t words; /* of each */
};

static bool find_entries(struct python_reader *reader, uint64_t dict, struct entries *ret)
{
    uint64_t keys = 0;
    uint64_t head[5];
    if (!reader->checked(reader->context, dict + DICT_KEYS, &keys, sizeof keys) ||
        !reader->checked(reader->context, keys, head, sizeof head))
        return false;
    if (reader->layout->minor >= 11) {
        const uint8_t *sizes = (const uint8_t *)&head[1]; /* of the table, of its bytes; its kind */
        ret->start = keys + 32 + ((uint64_t)1 << (sizes[1] & 31));
        ret->count = head[3];
        ret->words = sizes[2] == 0 ? 3 : 2;
    } else {
        uint64_t size = head[1];
        uint64_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
        ret->start = keys + 40 + size * width;
        ret->count = head[4];
        ret->words = 3;
    }
    return ret->count <= ENTRIES_MOST;
}

uint64_t python_name(struct python_reader *reader, uint64_t code, uint32_t number)
{
    uint64_t tuple = 0;
    uint64_t name = 0;
    if (!reader->checked(reader->context, code + (unsigned)reader->layout->code_names, &tuple,
                         sizeof tuple) ||
        !reader->checked(reader->context,
                         tuple + (unsigned)reader->layout->tuple_items + 8 * (uint64_t)number,
                         &name, sizeof name))
        return 0;
    return name;
}

/* Reads those before the first `*left`, as many as go at once. Returns how many; 0: none could be
 * read. */
static size_t read_before(struct python_reader *reader, const struct entries *entries, size_t *left,
                          uint64_t *read)
{
    size_t count = *left < ENTRIES_READ ? *left : ENTRIES_READ;
    *left -= count;
    return reader->checked(reader->context, entries->start + 8 * *left * entries->words, read,
                           8 * count * entries->words)
               ? count
               : 0;
}

/* The last come first: what a loop sets is younger than what was imported. */
bool python_name_value(struct python_reader *reader, uint64_t dict, uint64_t name,
                       uint64_t *ret_value)
{
    struct entries entries;
    uint64_t read[ENTRIES_READ * 3];
    if (!dict || !find_entries(reader, dict, &entries))
        return false;
    for (size_t left = entries.count; left > 0;) {
        size_t count = read_before(reader, &entries, &left, read);
        if (!count)
            return false;
        for (size_t n = count; n-- > 0;) {
            const uint64_t *key = &read[n * entries.words + entries.words - 2];
            if (key[0] == name) {
                *ret_value = key[1];
                return key[1] != 0;
            }
        }
    }
    return false;
}

bool python_names_state(struct python_reader *reader, uint64_t dict, uint64_t *ret_state)
{
    struct entries entries;
    uint64_t read[ENTRIES_READ * 3];
    uint64_t state = 0;
    if (!dict || !find_entries(reader, dict, &entries))
        return false;
    size_t left = entries.count;
    for (int reads = 0; left > 0 && reads < STATE_READS; reads++) {
        size_t count = read_before(reader, &entries, &left, read);
        if (!count)
            return false;
        for (size_t n = 0; n < count; n++)
            state = (state ^ read[n * entries.words + entries.words - 1]) * 0x9e3779b97f4a7c15u;
    }
    *ret_state = state;
    return true;
}
