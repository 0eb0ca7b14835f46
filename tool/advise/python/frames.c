#include "advise/python/frames.h"

#include "advise/python/loops.h"
#include "advise/python/names.h"

#include <string.h>

/* Frames of C that stand between those of Python (3.12 on). */
#define OWNER_C 3

#define INNERMOST (PYTHON_FRAMES_MAX / 4)

/* What is read of a frame at once: its head, and the first of its locals and of its stack. */
#define LOCALS_READ 40

struct raw_frame {
    uint64_t address;
    uint64_t code;
    uint64_t previous;
    uint32_t instruction;
    bool from_c;  /* it was called from C: not known before 3.11; */
    bool calls_c; /* and has called C itself, from which the next one within was called */
};

static uint64_t word_at(const void *bytes, int offset)
{
    uint64_t word;
    memcpy(&word, (const char *)bytes + offset, sizeof word);
    return word;
}

static uint32_t half_at(const void *bytes, int offset)
{
    uint32_t half;
    memcpy(&half, (const char *)bytes + offset, sizeof half);
    return half;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static uint32_t fold(uint64_t hash)
{
    uint32_t folded = (uint32_t)(hash ^ (hash >> 32));
    return folded ? folded : 1;
}

/* --- code objects --- */

static uint32_t count_of_tuple(struct python_reader *reader, uint64_t tuple)
{
    uint64_t size = 0;
    if (!tuple || !reader->checked(reader->context, tuple + 16, &size, sizeof size) || size > 4096)
        return 0;
    return (uint32_t)size;
}

static bool read_code(struct python_reader *reader, uint64_t address, struct python_code *ret)
{
    const struct python_layout *layout = reader->layout;
    char head[192];
    if (!reader->checked(reader->context, address, head, sizeof head))
        return false;
    struct python_code code = {
        .address = address,
        .name = word_at(head, layout->code_name),
        .file = word_at(head, layout->code_file),
        .names = word_at(head, layout->code_names),
        .first_line = (int32_t)half_at(head, layout->code_first_line),
        .flags = half_at(head, layout->code_flags),
        .local_count = half_at(head, layout->code_local_count),
        .stack_size = half_at(head, layout->code_stack_size),
    };
    if (layout->code_cells >= 0)
        code.local_count += count_of_tuple(reader, word_at(head, layout->code_cells)) +
                            count_of_tuple(reader, word_at(head, layout->code_free));
    if (code.first_line < 0 || code.local_count > 65536 || code.stack_size > 65536)
        return false;
    python_loops_find(reader, &code);
    *ret = code;
    return true;
}

static struct python_code *code_slot(struct python_reader *reader, uint64_t address)
{
    return &reader->codes[mix(0, address) % PYTHON_CODES];
}

static bool holds_word(struct python_reader *reader, uint64_t address, int offset, uint64_t word)
{
    uint64_t there;
    return reader->read(reader->context, address + (unsigned)offset, &there, sizeof there) &&
           there == word;
}

/*
 * An address may come to hold another code object: its name and first line tell; and its file and
 * the names that it uses, since all modules have the same name and begin at line 1.
 */
static struct python_code *known_code(struct python_reader *reader, uint64_t address)
{
    struct python_code *slot = code_slot(reader, address);
    const struct python_layout *layout = reader->layout;
    int32_t first_line;
    if (slot->address == address && holds_word(reader, address, layout->code_name, slot->name) &&
        holds_word(reader, address, layout->code_file, slot->file) &&
        holds_word(reader, address, layout->code_names, slot->names) &&
        reader->read(reader->context, address + (unsigned)layout->code_first_line, &first_line,
                     sizeof first_line) &&
        first_line == slot->first_line)
        return slot;
    slot->address = 0;
    return read_code(reader, address, slot) ? slot : NULL;
}

/* --- frames --- */

/* What is sure to be there is so only where the layout says it right. */
static bool read_sure(struct python_reader *reader, uint64_t address, void *buffer, size_t size)
{
    python_read_fn *read = reader->fit == PYTHON_FITS ? reader->read : reader->checked;
    return read(reader->context, address, buffer, size);
}

static bool read_raw(struct python_reader *reader, uint64_t address, struct raw_frame *ret)
{
    const struct python_layout *layout = reader->layout;
    char head[112];
    if (!read_sure(reader, address, head, sizeof head))
        return false;
    ret->address = address;
    ret->code = word_at(head, layout->frame_code) & ~(uint64_t)layout->frame_tags;
    ret->previous = word_at(head, layout->frame_previous);
    ret->from_c = layout->minor < 11 || (layout->frame_entry >= 0 && head[layout->frame_entry]);
    ret->calls_c = false;
    if (layout->frame_owner >= 0 && layout->minor >= 12 && head[layout->frame_owner] == OWNER_C)
        ret->code = 0;
    if (layout->code_bytes < 0) {
        int32_t number = (int32_t)half_at(head, layout->frame_instruction);
        ret->instruction = number < 0 ? 0 : (uint32_t)number * layout->instruction_unit;
    } else {
        uint64_t at = word_at(head, layout->frame_instruction);
        uint64_t bytes = ret->code + (unsigned)layout->code_bytes;
        ret->instruction = at >= bytes && at - bytes < (1u << 26) ? (uint32_t)(at - bytes) : 0;
    }
    return true;
}

static uint64_t innermost_frame(struct python_reader *reader, uint64_t thread)
{
    const struct python_layout *layout = reader->layout;
    uint64_t frame = 0;
    if (!read_sure(reader, thread + (unsigned)layout->thread_frame, &frame, sizeof frame))
        return 0;
    if (layout->cframe_frame >= 0 && frame &&
        !read_sure(reader, frame + (unsigned)layout->cframe_frame, &frame, sizeof frame))
        return 0;
    return frame;
}

/* The names of a module live in a dict, whose version is another one after each assignment;
 * from 3.13 on there is none. */
static uint64_t names_state(struct python_reader *reader, uint64_t frame)
{
    const struct python_layout *layout = reader->layout;
    uint64_t names = 0;
    uint64_t state = 0;
    if (!reader->checked(reader->context, frame + (unsigned)layout->frame_names, &names,
                         sizeof names) ||
        !names)
        return 0;
    bool read = layout->dict_version < 0
                    ? python_names_state(reader, names, &state)
                    : reader->checked(reader->context, names + (unsigned)layout->dict_version,
                                      &state, sizeof state);
    return read ? state : 0;
}

/* While a frame waits for one that it called, nothing in it changes; from call to call of a loop,
 * something does. */
static uint64_t state_of(struct python_reader *reader, const struct raw_frame *raw,
                         const struct python_code *code, const struct python_frame *frame)
{
    uint64_t hash = mix(raw->address, raw->instruction);
    if (frame->loops[0].turn)
        for (int n = 0; n < PYTHON_LOOPS; n++)
            hash = mix(hash, frame->loops[n].turn);
    uint64_t locals[LOCALS_READ];
    uint32_t count = code->local_count < LOCALS_READ ? code->local_count : LOCALS_READ;
    if (count &&
        reader->read(reader->context, raw->address + (unsigned)reader->layout->frame_locals, locals,
                     count * sizeof *locals))
        for (uint32_t n = 0; n < count; n++)
            hash = mix(hash, locals[n]);
    if (!code->local_count && !frame->loops[0].turn)
        hash = mix(hash, names_state(reader, raw->address));
    return hash;
}

/* From outside a frame may be read while it changes: one miss says nothing yet. */
#define MISSES_MOST 16

/* Frames of C may stand before the first of Python. */
#define C_FRAMES_MOST 8

/* Of any object, where its type is; and of a type, where its name is. */
#define OBJECT_TYPE 8
#define TYPE_NAME   24

static bool is_code(struct python_reader *reader, uint64_t address)
{
    uint64_t type = 0;
    uint64_t name = 0;
    char text[sizeof "code"] = "";
    return reader->checked(reader->context, address + OBJECT_TYPE, &type, sizeof type) &&
           reader->checked(reader->context, type + TYPE_NAME, &name, sizeof name) &&
           reader->checked(reader->context, name, text, sizeof text) &&
           memcmp(text, "code", sizeof text) == 0;
}

/* Whether the layout fits, by what is run in the innermost frame. Decided once. */
static bool fits(struct python_reader *reader, uint64_t thread)
{
    struct raw_frame frame = {.previous = 0};
    if (reader->fit != PYTHON_FIT_OPEN)
        return reader->fit == PYTHON_FITS;
    uint64_t address = innermost_frame(reader, thread);
    for (int steps = 0; address && !frame.code && steps < C_FRAMES_MOST; steps++) {
        if (!read_raw(reader, address, &frame))
            break;
        address = frame.previous;
    }
    if (is_code(reader, frame.code))
        reader->fit = PYTHON_FITS;
    else if (frame.address && ++reader->misses == MISSES_MOST)
        reader->fit = PYTHON_MISFIT;
    return reader->fit == PYTHON_FITS;
}

/* The chain, innermost first. Of a deep one, the middle is left out. */
static size_t read_chain(struct python_reader *reader, uint64_t thread, struct raw_frame *chain)
{
    size_t count = 0;
    bool c_within = false;
    uint64_t address = innermost_frame(reader, thread);
    for (int steps = 0; address && steps < 4096; steps++) {
        struct raw_frame raw;
        if (!read_raw(reader, address, &raw))
            break;
        address = raw.previous == address ? 0 : raw.previous;
        raw.calls_c = c_within;
        c_within = raw.from_c || !raw.code;
        if (!raw.code)
            continue;
        if (count == PYTHON_FRAMES_MAX) {
            memmove(&chain[INNERMOST], &chain[INNERMOST + 1],
                    (PYTHON_FRAMES_MAX - INNERMOST - 1) * sizeof *chain);
            count--;
        }
        chain[count++] = raw;
    }
    return count;
}

/* What the interpreter puts around an __init__ that it calls directly: its file has no other name.
 */
static bool is_shim(const struct python_code *code)
{
    return code->file && code->file == code->name;
}

size_t python_frames(struct python_reader *reader, uint64_t thread, struct python_frame *ret_frames)
{
    struct raw_frame chain[PYTHON_FRAMES_MAX];
    if (!fits(reader, thread))
        return 0;
    size_t count = read_chain(reader, thread, chain);
    uint64_t state = thread;
    size_t first = count; /* of those that are read, which stand at the end */
    for (size_t n = count; n-- > 0;) {
        struct python_code *code = known_code(reader, chain[n].code);
        if (!code)
            break;
        if (is_shim(code))
            continue;
        struct python_frame *frame = &ret_frames[--first];
        *frame = (struct python_frame){
            .code = chain[n].code,
            .instruction = chain[n].instruction,
            .first_line = code->first_line,
            .call = fold(mix(state, chain[n].address)),
        };
        if (code->loop_count || chain[n].calls_c)
            python_loops_read(reader, chain[n].address, code, chain[n].calls_c, frame);
        state = state_of(reader, &chain[n], code, frame);
    }
    memmove(ret_frames, ret_frames + first, (count - first) * sizeof *ret_frames);
    return count - first;
}
