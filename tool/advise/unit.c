#include "advise/unit.h"

#include "advise/python/frames.h"
#include "advise/source.h"

#include <string.h>

/* What is done less often is no loop worth the name; what takes less of the whole is not what to
 * change. */
#define COUNT_LEAST 2
#define SHARE_LEAST 0.10

/* What is shorter is no task: to hand it over costs more. */
#define EACH_LEAST_NS (50 * OVL_MICROSECOND)

/* In flight at once, for a first guess of what a candidate gives. */
#define IN_FLIGHT 16

static bool is_import(const struct tree *tree, uint32_t number)
{
    for (; number; number = tree->nodes[number].parent)
        if (tree->places[tree->nodes[number].place].import)
            return true;
    return false;
}

/* The frame that a node is in, or is called from. */
static uint32_t frame_above(const struct tree *tree, uint32_t number)
{
    while (number && tree->nodes[number].kind == NODE_LOOP)
        number = tree->nodes[number].parent;
    return number;
}

/* Python's own machinery that calls a user's function over and over: pools of workers. */
static bool is_pool(const struct place *place)
{
    return strstr(place->file, "/concurrent/futures/") ||
           strstr(place->file, "/multiprocessing/pool.py") ||
           strstr(place->file, "/multiprocessing/process.py") ||
           strstr(place->file, "/threading.py");
}

static bool is_candidate(const struct tree *tree, uint32_t number)
{
    const struct node *node = &tree->nodes[number];
    const struct node *parent = &tree->nodes[node->parent];
    bool pooled = node->kind == NODE_CALL && node->parent && tree->places[node->place].own &&
                  is_pool(&tree->places[parent->place]);
    uint64_t callers = pooled || !parent->count ? 1 : parent->count;
    if (!node->parent || node->count < COUNT_LEAST * callers ||
        spent_all(&node->spent) < EACH_LEAST_NS * (ovl_time)node->count)
        return false;
    const struct place *place = &tree->places[node->place];
    uint32_t above = frame_above(tree, node->kind == NODE_LOOP ? number : node->parent);
    const struct place *caller = &tree->places[tree->nodes[above].place];
    if (!caller->own && !(place->own && is_pool(caller)))
        return false;
    /* A generator that is asked for its next item is not called anew. */
    return node->kind == NODE_LOOP || !(place->flags & PYTHON_CODE_SUSPENDS);
}

/* How long the whole would take if this were done at once. */
static double guess(const struct tree *tree, const struct node *node, unsigned cores)
{
    const struct node *parent = &tree->nodes[node->parent];
    double all = (double)spent_all(&tree->nodes[0].spent);
    double own = (double)spent_all(&node->spent);
    double groups = parent->count ? (double)parent->count : 1;
    double each = own / (double)node->count;
    double flight =
        (double)node->count / groups < IN_FLIGHT ? (double)node->count / groups : IN_FLIGHT;
    double compute = (double)node->spent.cpu_ns / groups / (flight < cores ? flight : cores);
    double wait = (double)spent_waits(&node->spent) / groups / flight;
    double group = compute + wait;
    return all - own + groups * (group > each ? group : each);
}

static uint32_t best_node(const struct tree *tree, unsigned cores)
{
    double all = (double)spent_all(&tree->nodes[0].spent);
    uint32_t best = 0;
    double best_guess = 0;
    for (uint32_t n = 1; n < tree->node_count; n++) {
        const struct node *node = &tree->nodes[n];
        if ((double)spent_all(&node->spent) < SHARE_LEAST * all || !is_candidate(tree, n) ||
            is_import(tree, n))
            continue;
        if (node->kind == NODE_LOOP && source_is_stream(&tree->places[node->place]))
            continue;
        double time = guess(tree, node, cores);
        /* Among equals, the one further out: its tasks are the larger. */
        bool outer = best && node->depth < tree->nodes[best].depth;
        if (!best || time < best_guess * (outer ? 1.05 : 0.95)) {
            best = n;
            best_guess = time;
        }
    }
    return best;
}

/* A function that does nearly all of a loop's turn gives the unit its name. */
static uint32_t function_in(const struct tree *tree, const struct node *loop)
{
    for (uint32_t n = loop->first_child; n; n = tree->nodes[n].next_sibling) {
        const struct node *child = &tree->nodes[n];
        if (child->kind == NODE_CALL && tree->places[child->place].own &&
            tree->places[child->place].function[0] != '<' &&
            (double)spent_all(&child->spent) >= 0.8 * (double)spent_all(&loop->spent) &&
            child->count <= loop->count + loop->count / 4)
            return child->place;
    }
    return 0;
}

void unit_find(const struct tree *tree, unsigned cores, struct unit *unit)
{
    *unit = (struct unit){.node = best_node(tree, cores)};
    if (!unit->node)
        return;
    const struct node *node = &tree->nodes[unit->node];
    const struct node *parent = &tree->nodes[node->parent];
    unit->count = node->count;
    unit->groups = parent->count && !is_pool(&tree->places[parent->place]) ? parent->count : 1;
    unit->spent = node->spent;
    unit->first_ns = node->first_ns;
    unit->last_ns = node->last_ns;
    unit->one_connection = node->object && !node->objects_differ;
    unit->call =
        node->kind == NODE_LOOP ? node->place : tree->nodes[frame_above(tree, node->parent)].place;
    unit->function = node->kind == NODE_LOOP ? function_in(tree, node) : node->place;
}
