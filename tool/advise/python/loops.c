#include "advise/python/loops.h"

#include "advise/python/names.h"

#include <string.h>

#define CODE_READ  8192
#define STACK_READ 8

/* What counts down to 0 is given as counting up to this, and what counts from anywhere, from it. */
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

static bool is_jump_back(const struct python_layout *layout, uint8_t code)
{
    return code == layout->jump_back ||
           (code >= layout->jump_back_special_first && code <= layout->jump_back_special_last);
}

/* Whether the instruction at `jump` goes back to the one at `at`, or to its prefix. */
static bool jumps_back(const struct python_layout *layout, const uint8_t *bytes, size_t jump,
                       size_t at)
{
    size_t unit = layout->minor >= 10 ? 2 : 1;
    if (!is_jump_back(layout, bytes[jump]))
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

static int32_t local_at(const struct python_layout *layout, const uint8_t *bytes, size_t at)
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
    if (layout->minor >= 13 && code > layout->store_fast && code <= layout->store_fast + 2)
        return value >> 4;
    return -1;
}

/* The names of a module's that stores from `at` on are to. */
static void find_names(struct python_reader *reader, const struct python_code *code,
                       const uint8_t *bytes, size_t size, size_t at, struct python_code_loop *loop)
{
    for (size_t n = 0; n < 2 && at + 2 <= size && bytes[at] == reader->layout->store_name; n++) {
        loop->names[n] = python_name(reader, code->address, bytes[at + 1]);
        at += 2;
    }
}

/* What a turn sets first; that may be several things that are unpacked. */
static void find_variable(struct python_reader *reader, const struct python_code *code,
                          const uint8_t *bytes, size_t size, size_t first,
                          struct python_code_loop *loop)
{
    const size_t unpacked = first + 2 + 2 * (size_t)reader->layout->unpack_cache;
    loop->variable = -1;
    for (size_t at = first; at + 2 <= size && at <= unpacked; at += unpacked - first) {
        loop->variable = local_at(reader->layout, bytes, at);
        if (loop->variable < 0)
            find_names(reader, code, bytes, size, at, loop);
        if (loop->variable >= 0 || loop->names[0])
            return;
    }
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
        struct python_code_loop *loop = &code->loops[code->loop_count++];
        *loop = (struct python_code_loop){.start = (uint32_t)at, .end = (uint32_t)end};
        find_variable(reader, code, bytes, size, first, loop);
    }
}

/* --- which turn it is --- */

/* How an iterator tells where it is. */
enum position {
    POSITION_NONE,     /* it is no iterator */
    POSITION_UP,       /* it counts its items, from 1 */
    POSITION_FROM,     /* it counts, from anywhere */
    POSITION_LEFT,     /* it counts what is left */
    POSITION_OF,       /* it has the one that tells; */
    POSITION_OF_FIRST, /* a tuple of such */
    POSITION_UNTOLD,
};

/* By the names of their types, and in which word of them that is. */
static const struct iterator {
    const char *name;
    enum position position;
    uint8_t word;
} iterators[] = {
    {"list_iterator", POSITION_UP, 2},
    {"tuple_iterator", POSITION_UP, 2},
    {"str_iterator", POSITION_UP, 2},
    {"str_ascii_iterator", POSITION_UP, 2},
    {"bytes_iterator", POSITION_UP, 2},
    {"bytearray_iterator", POSITION_UP, 2},
    {"iterator", POSITION_UP, 2},
    {"list_reverseiterator", POSITION_LEFT, 2},
    {"reversed", POSITION_LEFT, 2},
    {"dict_keyiterator", POSITION_LEFT, 6},
    {"dict_valueiterator", POSITION_LEFT, 6},
    {"dict_itemiterator", POSITION_LEFT, 6},
    {"set_iterator", POSITION_LEFT, 5},
    {"itertools.count", POSITION_FROM, 2},
    {"enumerate", POSITION_OF, 3}, /* its own number begins with what it is told to */
    {"zip", POSITION_OF_FIRST, 3},
    {"map", POSITION_OF_FIRST, 2},
    {"filter", POSITION_OF, 3},
};

#define ITERATOR_WORDS 7
#define OWN_NUMBER     2 /* the word of enumerate's own */
#define NESTED_MOST    3 /* iterators in each other */

/* What counts further, or not by ones, does so by objects, and has this number throughout. */
#define COUNTED_MOST ((uint64_t)INT64_MAX)

/* Of a type: where its name is, and the function that gives an iterator's next item. */
#define TYPE_NAME 24
#define TYPE_NEXT 224

static bool read_type_name(struct python_reader *reader, uint64_t type, char *name, size_t size)
{
    uint64_t address = 0;
    memset(name, 0, size);
    return reader->checked(reader->context, type + TYPE_NAME, &address, sizeof address) &&
           reader->checked(reader->context, address, name, size - 1);
}

static struct iterator iterator_of(struct python_reader *reader, uint64_t type)
{
    uint64_t next = 0;
    char name[32];
    if (!read_type_name(reader, type, name, sizeof name))
        return (struct iterator){.position = POSITION_NONE};
    if (strcmp(name, "range_iterator") == 0)
        return reader->layout->minor >= 12 ? (struct iterator){.position = POSITION_LEFT, .word = 4}
                                           : (struct iterator){.position = POSITION_UP, .word = 2};
    for (size_t n = 0; n < sizeof iterators / sizeof *iterators; n++)
        if (strcmp(name, iterators[n].name) == 0)
            return iterators[n];
    bool is_one = reader->checked(reader->context, type + TYPE_NEXT, &next, sizeof next) && next;
    return (struct iterator){.position = is_one ? POSITION_UNTOLD : POSITION_NONE};
}

static enum position count_from(uint64_t number, uint64_t *ret_number)
{
    *ret_number = number;
    return number < COUNTED_MOST ? POSITION_FROM : POSITION_UNTOLD;
}

static enum position position_of(struct python_reader *reader, uint64_t object,
                                 uint64_t *ret_number, int depth);

static enum position position_within(struct python_reader *reader, uint64_t inner,
                                     uint64_t *ret_number, int depth)
{
    enum position position =
        depth < NESTED_MOST ? position_of(reader, inner, ret_number, depth + 1) : POSITION_NONE;
    return position == POSITION_NONE ? POSITION_UNTOLD : position;
}

/* The number of an object's turn, which is another one in each. */
static enum position position_of(struct python_reader *reader, uint64_t object,
                                 uint64_t *ret_number, int depth)
{
    uint64_t words[ITERATOR_WORDS];
    if (object < 4096 || (object & 7) ||
        !reader->checked(reader->context, object, words, sizeof words) || words[1] < 4096 ||
        (words[1] & 7))
        return POSITION_NONE;
    struct iterator iterator = iterator_of(reader, words[1]);
    uint64_t inner = words[iterator.word];
    switch (iterator.position) {
    case POSITION_FROM:
        return count_from(words[iterator.word], ret_number);
    case POSITION_UP:
        *ret_number = words[iterator.word];
        break;
    case POSITION_LEFT:
        *ret_number = 0 - words[iterator.word];
        break;
    case POSITION_OF_FIRST:
        return reader->checked(reader->context, inner + (unsigned)reader->layout->tuple_items,
                               &inner, sizeof inner)
                   ? position_within(reader, inner, ret_number, depth)
                   : POSITION_UNTOLD;
    case POSITION_OF:
        iterator.position = position_within(reader, inner, ret_number, depth);
        return iterator.position == POSITION_UNTOLD ? count_from(words[OWN_NUMBER], ret_number)
                                                    : iterator.position;
    case POSITION_NONE:
    case POSITION_UNTOLD:
        break;
    }
    return iterator.position;
}

/* Whether what is on a frame's stack is a number, and no object. */
static bool is_number(const struct python_layout *layout, uint64_t value)
{
    return layout->frame_counts && (value & 3) == 3;
}

static enum position position_on_stack(struct python_reader *reader, uint64_t value,
                                       uint64_t *ret_number)
{
    if (!is_number(reader->layout, value))
        return position_of(reader, value, ret_number, 0);
    *ret_number = value >> 2;
    return POSITION_UP;
}

static uint32_t turn_of(uint64_t frame, uint64_t iterator, uint64_t position)
{
    uint64_t hash = (frame ^ (iterator << 7) ^ position * 0x9e3779b97f4a7c15u);
    hash *= 0xd6e8feb86659fd93u;
    uint32_t turn = (uint32_t)(hash >> 32);
    return turn ? turn : 1;
}

static bool read_local(struct python_reader *reader, uint64_t frame, int32_t variable,
                       uint64_t *ret_value)
{
    uint64_t locals = frame + (unsigned)reader->layout->frame_locals;
    return reader->checked(reader->context, locals + 8 * (uint64_t)variable, ret_value,
                           sizeof *ret_value);
}

static bool read_names(struct python_reader *reader, uint64_t frame, const uint64_t *names,
                       uint64_t *ret_value)
{
    uint64_t dict = 0;
    uint64_t second = 0;
    if (!names[0] ||
        !reader->checked(reader->context, frame + (unsigned)reader->layout->frame_names, &dict,
                         sizeof dict))
        return false;
    if (names[1])
        python_name_value(reader, dict, names[1], &second);
    bool found = python_name_value(reader, dict, names[0], ret_value);
    *ret_value ^= second << 20;
    return found;
}

/* A loop whose iterator does not tell: its variable does, if it is a local one or a module's. */
static void read_by_variable(struct python_reader *reader, uint64_t frame,
                             const struct python_code_loop *known, struct python_loop *loop)
{
    uint64_t value = 0;
    bool found = known->variable >= 0 ? read_local(reader, frame, known->variable, &value)
                                      : read_names(reader, frame, known->names, &value);
    if (!found)
        return;
    loop->instruction = known->start;
    loop->turn = turn_of(frame, known->start, value);
}

static void set_turn(struct python_loop *loop, uint32_t instruction, uint64_t frame,
                     uint64_t iterator, enum position position, uint64_t number)
{
    loop->instruction = instruction;
    loop->turn = turn_of(frame, iterator, number);
    loop->index = (uint32_t)number + (position == POSITION_UP ? 0 : COUNTS_FROM);
}

/* What stands above the top of the stack is not cleared: an object that is gone has no references.
 */
static bool is_map(struct python_reader *reader, uint64_t object)
{
    uint64_t head[2];
    char name[8];
    return object >= 4096 && !(object & 7) &&
           reader->checked(reader->context, object, head, sizeof head) && (uint32_t)head[0] &&
           read_type_name(reader, head[1], name, sizeof name) &&
           (strcmp(name, "map") == 0 || strcmp(name, "filter") == 0);
}

/* A loop of C's: list(map(f, items)) calls f for each item, at one instruction. */
static void read_map(struct python_reader *reader, uint64_t address, const uint64_t *stack,
                     size_t slots, struct python_frame *frame, struct python_loop *loop)
{
    for (size_t slot = 0; slot < slots; slot++) {
        uint64_t number = 0;
        if (!is_map(reader, stack[slot]))
            continue;
        enum position position = position_of(reader, stack[slot], &number, 0);
        if (position != POSITION_NONE && position != POSITION_UNTOLD)
            set_turn(loop, frame->instruction, address, stack[slot], position, number);
        return;
    }
}

/* What a frame's stack holds: objects; and from 3.15 on the numbers of the next items of sequences,
 * each above its sequence. */
static bool read_stack(struct python_reader *reader, uint64_t base, uint64_t *stack, size_t slots)
{
    const struct python_layout *layout = reader->layout;
    if (!reader->checked(reader->context, base, stack, slots * sizeof *stack))
        return false;
    for (size_t slot = 0; slot < slots; slot++)
        if (!is_number(layout, stack[slot]))
            stack[slot] &= ~(uint64_t)layout->frame_tags;
    return true;
}

void python_loops_read(struct python_reader *reader, uint64_t address,
                       const struct python_code *code, bool calls_c, struct python_frame *frame)
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
        if (!read && !read_stack(reader, base, stack, slots))
            return;
        read = true;
        struct python_loop *loop = &frame->loops[found];
        uint64_t number = 0;
        enum position position = POSITION_NONE;
        size_t begin = slot;
        while (slot < slots && position == POSITION_NONE)
            position = position_on_stack(reader, stack[slot++], &number);
        if (position == POSITION_NONE)
            slot = begin;
        if (position == POSITION_NONE || position == POSITION_UNTOLD)
            read_by_variable(reader, address, known, loop);
        else
            set_turn(loop, known->start, address, stack[slot - 1], position, number);
        if (loop->turn)
            found++;
    }
    if (!calls_c || found == PYTHON_LOOPS)
        return;
    if (read || read_stack(reader, base, stack, slots))
        read_map(reader, address, stack + slot, slots - slot, frame, &frame->loops[found]);
}
