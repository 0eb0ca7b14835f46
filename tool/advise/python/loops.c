#include "advise/python/loops.h"

#include <string.h>

#define CODE_READ  8192
#define STACK_READ 8

/* What counts down to 0 is given as counting up to this. */
#define COUNTS_FROM 0x40000000u

/* --- where the loops are --- */

/* The argument of the instruction at `at`, with the prefixes before it. */
static uint32_t argument(const struct python_layout *layout, const uint8_t *bytes, size_t at)
{
    uint32_t value = bytes[at + 1];
    for (unsigned shift = 8; shift <= 24 && at >= 2 && bytes[at - 2] == layout->extended_arg;
         shift += 8) {
        at -= 2;
        value |= (uint32_t)bytes[at + 1] << shift;
    }
    return value;
}

static bool is_for_iter(const struct python_layout *layout, uint8_t code)
{
    return code == layout->for_iter ||
           (layout->for_iter_special_first && code >= layout->for_iter_special_first &&
            code <= layout->for_iter_special_last);
}

/* Whether the instruction at `jump` goes back to the one at `at`, or to its prefix. */
static bool jumps_back(const struct python_layout *layout, const uint8_t *bytes, size_t jump,
                       size_t at)
{
    size_t unit = layout->minor >= 10 ? 2 : 1;
    if (bytes[jump] != layout->jump_back && bytes[jump] != layout->jump_back_special)
        return false;
    size_t back = unit * (size_t)argument(layout, bytes, jump);
    size_t next = jump + 2 + 2 * (size_t)layout->jump_cache;
    size_t target = layout->jump_absolute ? back : next - back;
    size_t head = at;
    while (head >= 2 && bytes[head - 2] == layout->extended_arg)
        head -= 2;
    return target >= head && target <= at;
}

/*
 * Between instructions there is what the interpreter notes for itself: a loop is one only where an
 * instruction before its exit jumps back to its head. The last of those is its end.
 */
static bool loop_at(const struct python_layout *layout, const uint8_t *bytes, size_t size,
                    size_t at, size_t *ret_end)
{
    size_t unit = layout->minor >= 10 ? 2 : 1;
    size_t next = at + 2 + 2 * (size_t)layout->for_iter_cache;
    size_t exit = next + unit * argument(layout, bytes, at);
    if (exit > size)
        return false;
    for (size_t jump = exit - 2; jump >= next && jump < exit; jump -= 2) {
        if (jumps_back(layout, bytes, jump, at)) {
            *ret_end = jump + 2;
            return true;
        }
    }
    return false;
}

static int32_t variable_at(const struct python_layout *layout, const uint8_t *bytes, size_t at)
{
    /* A store that became one instruction with what follows it (3.11: 62, 63; 3.12: 56, 57; 3.13:
     * by halves). */
    uint8_t code = bytes[at];
    uint8_t value = bytes[at + 1];
    if (code == layout->store_fast)
        return value;
    if ((layout->minor == 11 && (code == 62 || code == 63)) ||
        (layout->minor == 12 && (code == 56 || code == 57)) || (layout->minor == 11 && code == 161))
        return value;
    if (layout->minor >= 13 && (code == 111 || code == 112))
        return value >> 4;
    return -1;
}

static bool read_bytes(struct python_reader *reader, const struct python_code *code, uint8_t *bytes,
                       size_t *ret_size)
{
    const struct python_layout *layout = reader->layout;
    uint64_t size = 0;
    uint64_t at = code->address + (unsigned)layout->code_bytes;
    if (layout->code_bytes < 0) {
        uint64_t string = 0;
        if (!reader->checked(reader->context, code->address + (unsigned)layout->code_string,
                             &string, sizeof string) ||
            !reader->checked(reader->context, string + 16, &size, sizeof size))
            return false;
        at = string + 32;
    } else {
        if (!reader->checked(reader->context, code->address + 16, &size, sizeof size))
            return false;
        size *= 2;
    }
    *ret_size = size > CODE_READ ? CODE_READ : (size_t)size;
    return reader->checked(reader->context, at, bytes, *ret_size);
}

void python_loops_find(struct python_reader *reader, struct python_code *code)
{
    const struct python_layout *layout = reader->layout;
    uint8_t bytes[CODE_READ];
    size_t size;
    code->loop_count = 0;
    if (!read_bytes(reader, code, bytes, &size))
        return;
    for (size_t at = 0; at + 4 <= size && code->loop_count < PYTHON_CODE_LOOPS; at += 2) {
        size_t end;
        if (!is_for_iter(layout, bytes[at]) || !loop_at(layout, bytes, size, at, &end))
            continue;
        size_t first = at + 2 + 2 * (size_t)layout->for_iter_cache;
        code->loops[code->loop_count++] = (struct python_code_loop){
            .start = (uint32_t)at,
            .end = (uint32_t)end,
            .variable = first + 2 <= size ? variable_at(layout, bytes, first) : -1,
        };
    }
}

/* --- which turn it is --- */

enum iterator {
    ITERATOR_NONE,
    ITERATOR_UP,    /* counts up, in the third word */
    ITERATOR_RANGE, /* 3.12 on: what is left, in the fifth */
    ITERATOR_LEFT,  /* what is left, in the seventh */
    ITERATOR_ZIP,   /* a tuple of iterators, in the fourth word */
    ITERATOR_MAP,   /* in the third */
    ITERATOR_OTHER, /* one that does not tell */
};

static enum iterator kind_of(struct python_reader *reader, uint64_t type)
{
    static const struct {
        const char *name;
        enum iterator kind;
    } kinds[] = {
        {"list_iterator", ITERATOR_UP},
        {"tuple_iterator", ITERATOR_UP},
        {"str_iterator", ITERATOR_UP},
        {"str_ascii_iterator", ITERATOR_UP},
        {"bytes_iterator", ITERATOR_UP},
        {"enumerate", ITERATOR_UP},
        {"dict_keyiterator", ITERATOR_LEFT},
        {"dict_valueiterator", ITERATOR_LEFT},
        {"dict_itemiterator", ITERATOR_LEFT},
        {"set_iterator", ITERATOR_LEFT},
        {"zip", ITERATOR_ZIP},
        {"map", ITERATOR_MAP},
        {"generator", ITERATOR_OTHER},
    };
    uint64_t address = 0;
    char name[32] = "";
    if (!reader->checked(reader->context, type + 24, &address, sizeof address) ||
        !reader->checked(reader->context, address, name, sizeof name - 1))
        return ITERATOR_NONE;
    if (strcmp(name, "range_iterator") == 0)
        return reader->layout->minor >= 12 ? ITERATOR_RANGE : ITERATOR_UP;
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
        if (strcmp(name, kinds[n].name) == 0)
            return kinds[n].kind;
    return ITERATOR_NONE;
}

/* The iterator's position: it is another one in each turn. */
static enum iterator position_of(struct python_reader *reader, uint64_t object,
                                 uint64_t *ret_position, int depth)
{
    uint64_t words[7];
    if (object < 4096 || (object & 7) ||
        !reader->checked(reader->context, object, words, sizeof words) || words[1] < 4096 ||
        (words[1] & 7))
        return ITERATOR_NONE;
    enum iterator kind = kind_of(reader, words[1]);
    switch (kind) {
    case ITERATOR_UP:
        *ret_position = words[2];
        break;
    case ITERATOR_RANGE:
        *ret_position = 0 - words[4];
        break;
    case ITERATOR_LEFT:
        *ret_position = 0 - words[6];
        break;
    case ITERATOR_ZIP:
    case ITERATOR_MAP: {
        uint64_t tuple = words[kind == ITERATOR_ZIP ? 3 : 2];
        uint64_t inner = 0;
        if (depth > 2 || !reader->checked(reader->context, tuple + 24, &inner, sizeof inner))
            return ITERATOR_NONE;
        return position_of(reader, inner, ret_position, depth + 1);
    }
    case ITERATOR_NONE:
    case ITERATOR_OTHER:
        break;
    }
    return kind;
}

static uint32_t turn_of(uint64_t frame, uint64_t iterator, uint64_t position)
{
    uint64_t hash = (frame ^ (iterator << 7) ^ position * 0x9e3779b97f4a7c15u);
    hash *= 0xd6e8feb86659fd93u;
    uint32_t turn = (uint32_t)(hash >> 32);
    return turn ? turn : 1;
}

/* A loop whose iterator does not tell: its variable does, if it is a local one. */
static void read_by_variable(struct python_reader *reader, uint64_t frame,
                             const struct python_code_loop *known, struct python_loop *loop)
{
    uint64_t value = 0;
    uint64_t at = frame + (unsigned)reader->layout->frame_locals + 8 * (uint64_t)known->variable;
    if (known->variable < 0 || !reader->checked(reader->context, at, &value, sizeof value))
        return;
    loop->instruction = known->start;
    loop->turn = turn_of(frame, known->start, value);
}

void python_loops_read(struct python_reader *reader, uint64_t address,
                       const struct python_code *code, struct python_frame *frame)
{
    uint64_t stack[STACK_READ];
    size_t slots = code->stack_size < STACK_READ ? code->stack_size : STACK_READ;
    uint64_t base =
        address + (unsigned)reader->layout->frame_locals + 8 * (uint64_t)code->local_count;
    bool read = false;
    size_t slot = 0;
    int found = 0;
    for (uint32_t n = 0; n < code->loop_count && found < PYTHON_LOOPS; n++) {
        const struct python_code_loop *known = &code->loops[n];
        /* At its head, a loop is between two turns. */
        if (frame->instruction <= known->start || frame->instruction >= known->end)
            continue;
        if (!read && !reader->checked(reader->context, base, stack, slots * sizeof *stack))
            return;
        read = true;
        struct python_loop *loop = &frame->loops[found];
        uint64_t position = 0;
        enum iterator kind = ITERATOR_NONE;
        size_t begin = slot;
        while (slot < slots && kind == ITERATOR_NONE)
            kind = position_of(reader, stack[slot++], &position, 0);
        if (kind == ITERATOR_NONE)
            slot = begin;
        if (kind == ITERATOR_NONE || kind == ITERATOR_OTHER) {
            read_by_variable(reader, address, known, loop);
        } else {
            loop->instruction = known->start;
            loop->turn = turn_of(address, stack[slot - 1], position);
            loop->index = (uint32_t)position + (kind == ITERATOR_UP ? 0 : COUNTS_FROM);
        }
        if (loop->turn)
            found++;
    }
}
