#include "advise/hot.h"

#include "advise/native.h"
#include "advise/source.h"

/* Loops of one function, around each other. */
#define NESTED_MOST 8

static struct hot_spot *spot_of(struct hot *hot, uint32_t place, bool loop, uint32_t depth)
{
    for (size_t n = 0; n < hot->count; n++) {
        struct hot_spot *spot = &hot->spots[n];
        if (spot->place != place || spot->loop != loop)
            continue;
        if (depth < spot->depth)
            spot->depth = depth;
        return spot;
    }
    if (hot->count == HOT_SPOTS)
        return NULL;
    hot->spots[hot->count] = (struct hot_spot){.place = place, .loop = loop, .depth = depth};
    return &hot->spots[hot->count++];
}

/* The majority keeps its place against all others together. */
static void note_callee(struct hot_spot *spot, uint32_t callee, ovl_time cpu_ns)
{
    if (spot->callee == callee) {
        spot->callee_ns += cpu_ns;
    } else if (spot->callee_ns >= cpu_ns) {
        spot->callee_ns -= cpu_ns;
    } else {
        spot->callee = callee;
        spot->callee_ns = cpu_ns - spot->callee_ns;
    }
}

static void add_to(struct hot *hot, uint32_t place, bool loop, uint32_t depth, uint32_t callee,
                   ovl_time cpu_ns)
{
    struct hot_spot *spot = place ? spot_of(hot, place, loop, depth) : NULL;
    if (!spot)
        return;
    spot->cpu_ns += cpu_ns;
    note_callee(spot, callee, cpu_ns);
}

static uint32_t function_at(struct tree *tree, uint32_t number)
{
    const struct place *place = &tree->places[number];
    return tree_place(tree, place->file, place->function, place->first_line, place->first_line,
                      place->flags);
}

/* A function that calls itself is counted where it is outermost. */
static bool is_repeated(const uint32_t *functions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (functions[i] == functions[n])
            return true;
    return false;
}

void hot_add(struct hot *hot, struct tree *tree, const struct tree_level *levels, size_t count,
             ovl_time cpu_ns)
{
    uint32_t functions[RECORD_LEVELS + 1];
    uint32_t places[RECORD_LEVELS];
    size_t own = 0;
    hot->cpu_ns += cpu_ns;
    for (size_t n = 0; n < count; n++)
        if (tree->places[levels[n].place].own) {
            places[own] = levels[n].place;
            functions[own++] = function_at(tree, levels[n].place);
        }
    functions[own] = 0;
    uint32_t depth = 0;
    for (size_t n = 0; n < own; n++) {
        if (is_repeated(functions, n))
            continue;
        uint32_t loops[NESTED_MOST];
        size_t nested = 0;
        for (uint32_t loop = native_loop(tree, places[n]); loop && nested < NESTED_MOST;
             loop = native_outer_loop(tree, loop))
            loops[nested++] = loop;
        add_to(hot, functions[n], false, ++depth, functions[n + 1], cpu_ns);
        while (nested-- > 0)
            add_to(hot, loops[nested], true, ++depth, functions[n + 1], cpu_ns);
    }
}

const struct hot_spot *hot_find(const struct hot *hot, const struct tree *tree, double share)
{
    const struct hot_spot *loop = NULL;
    const struct hot_spot *function = NULL;
    for (size_t n = 0; n < hot->count; n++) {
        const struct hot_spot *spot = &hot->spots[n];
        if ((double)spot->cpu_ns < share * (double)hot->cpu_ns)
            continue;
        if (!spot->loop && (!function || spot->depth > function->depth))
            function = spot;
        if (spot->loop && (!loop || spot->depth < loop->depth) &&
            !source_is_stream(&tree->places[spot->place]))
            loop = spot;
    }
    return loop ? loop : function;
}
