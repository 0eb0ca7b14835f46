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

#define ONE_FILE_LEAST 10

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

/*
 * Servers that call a user's function for each request, one at a time, and how they answer several.
 * Those that stand on others come first.
 */
static const struct server {
    const char *file; /* a part of its path */
    const char *several[OVL_MODEL_COUNT];
} servers[] = {
    {"/werkzeug/serving.py",
     {[OVL_THREADS] = "app.run(threaded=True)",
      [OVL_PROCESSES] = "app.run(threaded=False, processes=%u)"}},
    {"/gunicorn/workers/sync.py",
     {[OVL_THREADS] = "gunicorn --threads %u", [OVL_PROCESSES] = "gunicorn --workers %u"}},
    {"/django/core/servers/",
     {[OVL_THREADS] = "manage.py runserver, without --nothreading",
      [OVL_PROCESSES] = "gunicorn --workers %u"}},
    {"/wsgiref/", {NULL}},
    {"/socketserver.py", {NULL}},
    {"/http/server.py", {NULL}},
    {"/xmlrpc/server.py", {NULL}},
};

#define SERVERS (sizeof servers / sizeof *servers)

/* The server that a call of the user's own answers for: nothing but libraries stand in between.
 * NULL: it answers for none. */
static const struct server *server_of(const struct tree *tree, uint32_t number)
{
    size_t first = SERVERS;
    if (tree->nodes[number].kind != NODE_CALL || !tree->places[tree->nodes[number].place].own)
        return NULL;
    for (uint32_t n = tree->nodes[number].parent; n; n = tree->nodes[n].parent) {
        const struct place *place = &tree->places[tree->nodes[n].place];
        if (place->own)
            break;
        for (size_t i = 0; i < first; i++)
            if (strstr(place->file, servers[i].file))
                first = i;
    }
    return first < SERVERS ? &servers[first] : NULL;
}

/* Whether a library calls a function of the user's own over and over: a pool, or a server. */
static bool is_called_by_library(const struct tree *tree, uint32_t number)
{
    const struct node *node = &tree->nodes[number];
    const struct place *caller = &tree->places[tree->nodes[frame_above(tree, node->parent)].place];
    return (node->kind == NODE_CALL && tree->places[node->place].own && is_pool(caller)) ||
           server_of(tree, number);
}

static bool is_candidate(const struct tree *tree, uint32_t number)
{
    const struct node *node = &tree->nodes[number];
    const struct node *parent = &tree->nodes[node->parent];
    bool called = node->parent && is_called_by_library(tree, number);
    uint64_t callers = called || !parent->count ? 1 : parent->count;
    if (!node->parent || node->count < COUNT_LEAST * callers ||
        spent_all(&node->spent) < EACH_LEAST_NS * (ovl_time)node->count)
        return false;
    const struct place *place = &tree->places[node->place];
    uint32_t above = frame_above(tree, node->kind == NODE_LOOP ? number : node->parent);
    const struct place *caller = &tree->places[tree->nodes[above].place];
    if (!caller->own && !called)
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

#define NEARLY_ALL 0.8

static bool does_nearly_all(const struct node *inner, const struct node *outer)
{
    return (double)spent_all(&inner->spent) >= NEARLY_ALL * (double)spent_all(&outer->spent);
}

/* The call of a function of the user's own that does nearly all of a loop's turn. 0: none does. */
static uint32_t call_in(const struct tree *tree, const struct node *loop)
{
    for (uint32_t n = loop->first_child; n; n = tree->nodes[n].next_sibling) {
        const struct node *child = &tree->nodes[n];
        if (child->kind == NODE_CALL && tree->places[child->place].own &&
            tree->places[child->place].function[0] != '<' && does_nearly_all(child, loop) &&
            child->count <= loop->count + loop->count / 4)
            return n;
    }
    return 0;
}

/* What decorators put around a function is called by names that say nothing. */
static bool is_wrapper(const struct place *place)
{
    static const char *const names[] = {"__call__", "_inner",  "_wrapper",         "decorated",
                                        "inner",    "wrapped", "wrapper_function", "wrapper"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strcmp(place->function, names[n]) == 0)
            return true;
    return false;
}

/* The call inside of a wrapper's that does nearly all of it. 0: none does. */
static uint32_t call_within(const struct tree *tree, uint32_t number)
{
    for (uint32_t n = tree->nodes[number].first_child; n; n = tree->nodes[n].next_sibling) {
        const struct node *child = &tree->nodes[n];
        const struct place *place = &tree->places[child->place];
        if (!does_nearly_all(child, &tree->nodes[number]))
            continue;
        return child->kind == NODE_CALL && place->own && !is_wrapper(place) ? n
                                                                            : call_within(tree, n);
    }
    return 0;
}

/* The function that does a unit, as a person would name it. 0: it is the body of a loop. */
static uint32_t function_of(const struct tree *tree, uint32_t number)
{
    const struct node *node = &tree->nodes[number];
    uint32_t call = node->kind == NODE_LOOP ? call_in(tree, node) : number;
    uint32_t within =
        call && is_wrapper(&tree->places[tree->nodes[call].place]) ? call_within(tree, call) : 0;
    return within ? tree->nodes[within].place : call ? tree->nodes[call].place : 0;
}

/* So often each is looked at on the average, before it is believed that hardly any was missed. */
#define LOOKS_EACH 4

/*
 * Turns are numbered where what the loop iterates over tells, and then none is missed but for the
 * last. Calls, and turns without a number, are told from each other by their addresses and those of
 * their items. Where each waits, that is seen each time; where they only compute, most are over
 * before anybody looks, and what one item left free is the next one's place.
 */
static bool is_uncounted(const struct node *node)
{
    bool numbered = node->kind == NODE_LOOP && !node->uncounted;
    return !numbered && node->waited * 2 < node->count && node->looks < LOOKS_EACH * node->count;
}

/* Of calls without a number, nobody knows which were missed. */
static bool was_each_seen(const struct node *node)
{
    return node->kind == NODE_LOOP && !node->uncounted && node->waited >= node->count &&
           node->seen >= node->count;
}

void unit_find(const struct tree *tree, unsigned cores, struct unit *unit)
{
    *unit = (struct unit){.node = best_node(tree, cores)};
    if (!unit->node)
        return;
    const struct node *node = &tree->nodes[unit->node];
    const struct node *parent = &tree->nodes[node->parent];
    unit->count = node->count;
    unit->uncounted = is_uncounted(node);
    unit->at_least = !unit->uncounted && !was_each_seen(node);
    const struct place *above = &tree->places[parent->place];
    const struct server *server = server_of(tree, unit->node);
    unit->server = server != NULL;
    if (server)
        memcpy(unit->several, server->several, sizeof unit->several);
    unit->groups = parent->count && !is_pool(above) && !unit->server ? parent->count : 1;
    unit->spent = node->spent;
    unit->first_ns = node->first_ns;
    unit->last_ns = node->last_ns;
    unit->one_connection = node->object && !node->objects_differ;
    /* Where there are few, each may have had its own over and over. */
    unit->one_file = unit->count >= ONE_FILE_LEAST && tree_syncs_one(node);
    unit->new_files = node->syncs >= ONE_FILE_LEAST && !tree_syncs_one(node);
    unit->call =
        node->kind == NODE_LOOP ? node->place : tree->nodes[frame_above(tree, node->parent)].place;
    unit->function = function_of(tree, unit->node);
}
