#include "advise/code.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 4096 /* a power of 2 */
#define PROBE 8

/* Of a stack that is too deep: as many of the outermost are kept, and all others from within. */
#define OUTERMOST 12

#define UNWOUND_MOST 192

/* One frame: the functions that became a part of another one, outermost first. */
struct frames {
    uint64_t address; /* 0: an empty slot */
    size_t count;
    uint64_t addresses[SYMBOLS_MAX];
    uint32_t places[SYMBOLS_MAX]; /* the tree's */
};

struct code {
    pid_t pid;
    const struct record *record;
    struct symbols *symbols; /* NULL: none yet, or there are none */
    bool symbols_tried;
    struct frames slots[SLOTS];
};

struct code *code_open(pid_t pid, const struct record *record)
{
    struct code *code = calloc(1, sizeof *code);
    if (code) {
        code->pid = pid;
        code->record = record;
    }
    return code;
}

void code_close(struct code *code)
{
    if (code)
        symbols_close(code->symbols);
    free(code);
}

static struct symbols *symbols_of(struct code *code)
{
    if (!code->symbols_tried)
        code->symbols = symbols_open(code->pid, code->record);
    code->symbols_tried = true;
    return code->symbols;
}

/* --- one address --- */

/* An address that is returned to comes after the call. */
static void find(struct code *code, struct tree *tree, uint64_t address, struct frames *ret)
{
    struct symbol found[SYMBOLS_MAX];
    struct symbols *symbols = symbols_of(code);
    *ret = (struct frames){.address = address};
    ret->count = symbols ? symbols_find(symbols, address - 1, found) : 0;
    for (size_t n = 0; n < ret->count; n++) {
        ret->addresses[n] = found[n].address;
        ret->places[n] = tree_place(tree, found[n].file, found[n].function, found[n].line,
                                    found[n].first_line, found[n].own ? TREE_OWN : TREE_LIBRARY);
    }
    if (ret->count)
        return;
    ret->count = 1;
    ret->addresses[0] = address;
    ret->places[0] = tree_place(tree, "", "", 0, 0, TREE_LIBRARY);
}

static const struct frames *frames_of(struct code *code, struct tree *tree, uint64_t address)
{
    size_t first = (size_t)((address * 0x9e3779b97f4a7c15u) >> 40);
    for (size_t n = 0; n < PROBE; n++) {
        struct frames *slot = &code->slots[(first + n) % SLOTS];
        if (slot->address == address)
            return slot;
        if (slot->address && n + 1 < PROBE)
            continue;
        find(code, tree, address, slot);
        return slot;
    }
    return NULL;
}

/* --- stacks --- */

static size_t leave_out_middle(void *items, size_t size, size_t count)
{
    if (count <= RECORD_LEVELS)
        return count;
    size_t inner = RECORD_LEVELS - OUTERMOST;
    char *bytes = items;
    memmove(bytes + OUTERMOST * size, bytes + (count - inner) * size, inner * size);
    return RECORD_LEVELS;
}

size_t code_levels(struct code *code, struct tree *tree, const uint64_t *addresses, size_t count,
                   uint64_t *ret_addresses, struct tree_level *ret_levels)
{
    struct at {
        uint64_t address;
        uint32_t place;
    } all[RECORD_LEVELS * SYMBOLS_MAX];
    size_t found = 0;
    for (size_t n = 0; n < count && n < RECORD_LEVELS; n++) {
        const struct frames *frames = frames_of(code, tree, addresses[n]);
        for (size_t i = 0; i < frames->count; i++)
            all[found++] = (struct at){.address = frames->addresses[i], .place = frames->places[i]};
    }
    found = leave_out_middle(all, sizeof all[0], found);
    for (size_t n = 0; n < found; n++) {
        ret_addresses[n] = all[n].address;
        ret_levels[n] = (struct tree_level){.place = all[n].place};
    }
    return found;
}

size_t code_levels_of(struct code *code, struct tree *tree, const struct stopped *stack,
                      uint64_t *ret_addresses, struct tree_level *ret_levels)
{
    uint64_t addresses[UNWOUND_MOST];
    struct symbols *symbols = symbols_of(code);
    size_t count = symbols ? symbols_unwind(symbols, stack, addresses, UNWOUND_MOST) : 0;
    for (size_t n = 0; n < count / 2; n++) {
        uint64_t other = addresses[n];
        addresses[n] = addresses[count - 1 - n];
        addresses[count - 1 - n] = other;
    }
    count = leave_out_middle(addresses, sizeof addresses[0], count);
    return code_levels(code, tree, addresses, count, ret_addresses, ret_levels);
}
