#include "advise/native.h"

#include "advise/source.h"

#include <string.h>

static bool same_function(const struct tree *tree, uint32_t left, uint32_t right)
{
    const struct place *a = &tree->places[left];
    const struct place *b = &tree->places[right];
    return a->first_line == b->first_line && strcmp(a->function, b->function) == 0 &&
           strcmp(a->file, b->file) == 0;
}

/* The loop at a line of the same function. */
static uint32_t loop_at(struct tree *tree, uint32_t number, int line)
{
    if (!line)
        return 0;
    /* tree_place may move the places, and what it is given stays. */
    const struct place *place = &tree->places[number];
    return tree_place(tree, place->file, place->function, line, place->first_line, place->flags);
}

uint32_t native_loop(struct tree *tree, uint32_t number)
{
    struct place *place = &tree->places[number];
    if (!place->own)
        return 0;
    if (!place->loop_known) {
        place->loop_known = true;
        place->loop_line = source_loop(place->file, place->first_line, place->line);
    }
    return loop_at(tree, number, place->loop_line);
}

uint32_t native_outer_loop(struct tree *tree, uint32_t number)
{
    struct place *place = &tree->places[number];
    if (!place->outer_known) {
        place->outer_known = true;
        place->outer_line = source_outer_loop(place->file, place->first_line, place->line);
    }
    return loop_at(tree, number, place->outer_line);
}

static void begin_call(struct native_path *path, struct tree *tree, size_t n)
{
    struct native_level *level = &path->levels[n];
    level->call = ++path->serial;
    level->loop = native_loop(tree, level->place);
    level->turn = ++path->serial;
    level->index = 1;
}

static void begin_turn(struct native_path *path, size_t n, uint32_t loop)
{
    struct native_level *level = &path->levels[n];
    level->index = level->loop == loop || !level->loop ? level->index + 1 : 1;
    level->loop = loop;
    level->turn = ++path->serial;
}

/* The frame went on to what comes later in its function: out of a loop, maybe, or into one. */
static void go_on(struct native_path *path, struct tree *tree, size_t n)
{
    uint32_t loop = native_loop(tree, path->levels[n].place);
    if (loop && loop != path->levels[n].loop)
        begin_turn(path, n, loop);
}

/*
 * What frame n calls it has called before: it is in a loop, or it, or one of its callers, was
 * called anew from one. Returns the outermost frame whose call is a new one.
 */
static size_t repeat(struct native_path *path, struct tree *tree, size_t n)
{
    for (size_t at = n;; at--) {
        uint32_t loop = native_loop(tree, path->levels[at].place);
        if (loop) {
            begin_turn(path, at, loop);
            return at + 1;
        }
        if (at == 0 || !tree->places[path->levels[at - 1].place].own)
            break;
    }
    /* No source tells of one. */
    if (n > 0 && tree->places[path->levels[n - 1].place].own)
        return n;
    begin_turn(path, n, path->levels[n].place);
    return n + 1;
}

static size_t innermost_own(const struct tree *tree, const struct tree_level *levels, size_t count)
{
    for (size_t n = count; n-- > 0;)
        if (tree->places[levels[n].place].own)
            return n;
    return count - 1;
}

/* Takes the stack down beside the one before, and returns from which frame on calls are new ones.
 */
static size_t compare(struct native_path *path, struct tree *tree, const uint64_t *addresses,
                      const struct tree_level *levels, size_t count)
{
    size_t same = 0;
    while (same < count && same < path->count && addresses[same] == path->levels[same].address)
        same++;
    bool goes_on = same < count && same < path->count &&
                   same_function(tree, levels[same].place, path->levels[same].place);
    bool back = goes_on && addresses[same] < path->levels[same].address;
    bool equal = same == count && same == path->count;
    for (size_t n = same; n < count; n++) {
        path->levels[n].address = addresses[n];
        path->levels[n].place = levels[n].place;
    }
    path->count = count;
    if (equal)
        return repeat(path, tree, innermost_own(tree, levels, count));
    if (back)
        return repeat(path, tree, same);
    if (goes_on)
        go_on(path, tree, same);
    return goes_on ? same + 1 : same;
}

void native_identify(struct native_path *path, struct tree *tree, uint32_t seed,
                     const uint64_t *addresses, struct tree_level *levels, size_t count)
{
    if (!count)
        return;
    if (!path->serial)
        path->serial = seed * 0x9e3779b1u;
    size_t new_from = compare(path, tree, addresses, levels, count);
    for (size_t n = new_from; n < count; n++)
        begin_call(path, tree, n);
    for (size_t n = 0; n < count; n++) {
        levels[n].call = path->levels[n].call;
        if (path->levels[n].loop)
            levels[n].loops[0] = (struct record_loop){.place = path->levels[n].loop,
                                                      .turn = path->levels[n].turn,
                                                      .index = path->levels[n].index};
    }
}
