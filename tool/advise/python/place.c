/* Where an instruction is in the source: CPython's three ways to note lines. */
#include "advise/python/frames.h"

#include <string.h>

#define TABLE_READ 16384

/* --- text --- */

static size_t put_utf8(char *buffer, uint32_t character)
{
    if (character < 0x80) {
        buffer[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        buffer[0] = (char)(0xc0 | character >> 6);
        buffer[1] = (char)(0x80 | (character & 63));
        return 2;
    }
    if (character < 0x10000) {
        buffer[0] = (char)(0xe0 | character >> 12);
        buffer[1] = (char)(0x80 | (character >> 6 & 63));
        buffer[2] = (char)(0x80 | (character & 63));
        return 3;
    }
    buffer[0] = (char)(0xf0 | (character >> 18 & 7));
    buffer[1] = (char)(0x80 | (character >> 12 & 63));
    buffer[2] = (char)(0x80 | (character >> 6 & 63));
    buffer[3] = (char)(0x80 | (character & 63));
    return 4;
}

/* Characters of 1, 2 or 4 bytes each, as UTF-8; what does not fit is left out at the end. */
static bool read_wide(struct python_reader *reader, uint64_t data, size_t length, unsigned width,
                      char *buffer, size_t size)
{
    unsigned char raw[1024];
    if (width != 1 && width != 2 && width != 4)
        return false;
    if (length * width > sizeof raw)
        length = sizeof raw / width;
    if (!reader->checked(reader->context, data, raw, length * width))
        return false;
    size_t used = 0;
    for (size_t n = 0; n < length && used + 5 <= size; n++) {
        uint32_t character = raw[n];
        if (width > 1) {
            character = 0;
            memcpy(&character, raw + n * width, width);
        }
        used += put_utf8(buffer + used, character);
    }
    buffer[used] = '\0';
    return true;
}

/* Reads a str. A long one in ASCII loses its front, since the end tells files apart. */
static bool read_text(struct python_reader *reader, uint64_t object, char *buffer, size_t size)
{
    char head[40];
    if (!object || !reader->checked(reader->context, object, head, sizeof head))
        return false;
    uint64_t length;
    uint32_t state;
    memcpy(&length, head + 16, sizeof length);
    memcpy(&state, head + 32, sizeof state);
    if (length > 4096)
        return false;
    /* From the lowest bit: interned (2 bits), kind (3), compact, ascii. */
    if (!(state >> 6 & 1))
        return read_wide(reader, object + (unsigned)reader->layout->text_compact, (size_t)length,
                         state >> 2 & 7, buffer, size);
    size_t skip = length >= size ? (size_t)length - size + 1 : 0;
    uint64_t data = object + (unsigned)reader->layout->text_ascii + skip;
    if (!reader->checked(reader->context, data, buffer, (size_t)length - skip))
        return false;
    buffer[length - skip] = '\0';
    return true;
}

/*
 * --- lines ---
 *
 * An instruction that has none, as the jump at the end of a loop, is taken to be of the line before
 * it: a thread waits there for the GIL, or was stopped there.
 */

static int32_t line_of_lnotab(const uint8_t *table, size_t size, int32_t first,
                              uint32_t instruction)
{
    uint32_t at = 0;
    int32_t line = first;
    for (size_t n = 0; n + 1 < size; n += 2) {
        at += table[n];
        if (at > instruction)
            break;
        line += (int8_t)table[n + 1];
    }
    return line;
}

static int32_t line_of_table(const uint8_t *table, size_t size, int32_t first, uint32_t instruction)
{
    uint32_t end = 0;
    int32_t line = first;
    for (size_t n = 0; n + 1 < size; n += 2) {
        int8_t step = (int8_t)table[n + 1];
        end += table[n];
        if (step != -128)
            line += step;
        if (instruction < end)
            return line;
    }
    return 0;
}

static uint32_t read_varint(const uint8_t *table, size_t size, size_t *at)
{
    uint32_t value = 0;
    for (unsigned shift = 0; *at < size && shift < 30; shift += 6) {
        uint8_t byte = table[(*at)++];
        value |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            break;
    }
    return value;
}

static int32_t read_signed_varint(const uint8_t *table, size_t size, size_t *at)
{
    uint32_t value = read_varint(table, size, at);
    return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

static int32_t line_of_locations(const uint8_t *table, size_t size, int32_t first,
                                 uint32_t instruction)
{
    uint32_t end = 0;
    int32_t line = first;
    for (size_t at = 0; at < size;) {
        uint8_t byte = table[at++];
        unsigned code = (byte >> 3) & 15;
        end += 2 * ((byte & 7u) + 1);
        if (code == 14) {
            line += read_signed_varint(table, size, &at);
            read_varint(table, size, &at);
            read_varint(table, size, &at);
            read_varint(table, size, &at);
        } else if (code == 13) {
            line += read_signed_varint(table, size, &at);
        } else if (code >= 10 && code < 15) {
            line += (int32_t)code - 10;
            at += 2;
        } else if (code != 15) {
            at += 1;
        }
        if (instruction < end)
            return line;
    }
    return 0;
}

static int32_t line_of(struct python_reader *reader, uint64_t table, int32_t first,
                       uint32_t instruction)
{
    uint8_t bytes[TABLE_READ];
    uint64_t size;
    if (!table || !reader->checked(reader->context, table + 16, &size, sizeof size))
        return 0;
    if (size > sizeof bytes)
        size = sizeof bytes;
    if (!reader->checked(reader->context, table + 32, bytes, (size_t)size))
        return 0;
    switch (reader->layout->lines) {
    case PYTHON_LINES_LNOTAB:
        return line_of_lnotab(bytes, (size_t)size, first, instruction);
    case PYTHON_LINES_TABLE:
        return line_of_table(bytes, (size_t)size, first, instruction);
    case PYTHON_LINES_LOCATIONS:
        break;
    }
    return line_of_locations(bytes, (size_t)size, first, instruction);
}

bool python_place(struct python_reader *reader, uint64_t code, uint32_t instruction,
                  struct python_place *ret_place)
{
    const struct python_layout *layout = reader->layout;
    char head[192];
    uint64_t file;
    uint64_t name;
    uint64_t table;
    struct python_place place = {.line = 0};
    if (!reader->checked(reader->context, code, head, sizeof head))
        return false;
    memcpy(&file, head + layout->code_file, sizeof file);
    memcpy(&name, head + layout->code_name, sizeof name);
    memcpy(&table, head + layout->code_lines, sizeof table);
    memcpy(&place.first_line, head + layout->code_first_line, sizeof place.first_line);
    memcpy(&place.flags, head + layout->code_flags, sizeof place.flags);
    if (!read_text(reader, file, place.file, sizeof place.file) ||
        !read_text(reader, name, place.function, sizeof place.function))
        return false;
    place.line = line_of(reader, table, place.first_line, instruction);
    if (place.line <= 0)
        place.line = place.first_line;
    *ret_place = place;
    return true;
}
