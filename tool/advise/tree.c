#include "advise/tree.h"

#include "advise/instances.h"
#include "advise/python/frames.h"
#include "advise/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX  8000
#define PLACES_MAX 16000
#define LINES_MAX  4000

/* A turn's number from here on tells how many are left. */
#define COUNTS_DOWN 0x100000u

/* --- memory --- */

/* Makes room for one more of `size` bytes. Returns whether there is. */
static bool make_room(void *array, size_t *room, size_t count, size_t size, size_t most)
{
    void **items = array;
    if (count < *room)
        return true;
    if (count >= most)
        return false;
    size_t larger = *room ? 2 * *room : 64;
    if (larger > most)
        larger = most;
    void *moved = realloc(*items, larger * size);
    if (!moved)
        return false;
    *items = moved;
    *room = larger;
    return true;
}

int tree_init(struct tree *tree)
{
    *tree = (struct tree){.place_slot_count = 4u * 16384};
    tree->place_slots = calloc(tree->place_slot_count, sizeof *tree->place_slots);
    if (!tree->place_slots ||
        !make_room(&tree->nodes, &tree->node_room, 0, sizeof *tree->nodes, NODES_MAX) ||
        !make_room(&tree->places, &tree->place_room, 0, sizeof *tree->places, PLACES_MAX)) {
        tree_release(tree);
        return -ENOMEM;
    }
    tree->nodes[0] = (struct node){.kind = NODE_ROOT, .count = 1};
    tree->node_count = 1;
    tree->places[0] = (struct place){.file = strdup("?"), .function = strdup("?")};
    tree->place_count = 1;
    return 0;
}

void tree_release(struct tree *tree)
{
    for (size_t n = 0; n < tree->place_count; n++) {
        free(tree->places[n].file);
        free(tree->places[n].function);
    }
    for (size_t n = 0; n < tree->node_count; n++)
        free(tree->nodes[n].instances);
    free(tree->places);
    free(tree->place_slots);
    free(tree->nodes);
    free(tree->lines);
    *tree = (struct tree){.places = NULL};
}

/* --- places --- */

/* What libraries make while they run has a name in angle brackets, and so has what was given with
 * -c or typed in, which is the user's. */
static bool is_made(const char *file)
{
    return file[0] == '<' && strcmp(file, "<string>") != 0 && strcmp(file, "<stdin>") != 0;
}

static bool is_library(const char *file)
{
    return is_made(file) || strstr(file, "/lib/python3") || strstr(file, "/lib64/python3") ||
           strstr(file, "/site-packages/") || strstr(file, "/dist-packages/") || file[0] == '\0';
}

static uint64_t hash_place(const char *file, const char *function, int line)
{
    uint64_t hash = 14695981039346656037u ^ (uint64_t)(unsigned)line;
    for (const char *at = file; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    for (const char *at = function; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return hash ^ (hash >> 31);
}

static bool same_place(const struct place *place, const char *file, const char *function, int line)
{
    return place->line == line && strcmp(place->function, function) == 0 &&
           strcmp(place->file, file) == 0;
}

static uint32_t add_place(struct tree *tree, const struct place *place)
{
    if (!make_room(&tree->places, &tree->place_room, tree->place_count, sizeof *tree->places,
                   PLACES_MAX)) {
        tree->incomplete = true;
        return 0;
    }
    struct place copy = *place;
    copy.file = strdup(place->file);
    copy.function = strdup(place->function);
    if (!copy.file || !copy.function) {
        free(copy.file);
        free(copy.function);
        tree->incomplete = true;
        return 0;
    }
    tree->places[tree->place_count] = copy;
    return (uint32_t)tree->place_count++;
}

uint32_t tree_place(struct tree *tree, const char *file, const char *function, int line,
                    int first_line, uint32_t flags)
{
    size_t mask = tree->place_slot_count - 1;
    size_t n = (size_t)hash_place(file, function, line) & mask;
    for (; tree->place_slots[n]; n = (n + 1) & mask)
        if (same_place(&tree->places[tree->place_slots[n]], file, function, line))
            return tree->place_slots[n];
    struct place place = {.file = (char *)(uintptr_t)file,
                          .function = (char *)(uintptr_t)function,
                          .line = line,
                          .first_line = first_line,
                          .flags = flags,
                          .own = flags & TREE_OWN || (!(flags & TREE_LIBRARY) && !is_library(file)),
                          .import = strstr(file, "importlib") != NULL};
    return tree->place_slots[n] = add_place(tree, &place);
}

/* --- nodes --- */

static uint32_t add_node(struct tree *tree, uint32_t parent, enum node_kind kind, uint32_t place)
{
    if (!make_room(&tree->nodes, &tree->node_room, tree->node_count, sizeof *tree->nodes,
                   NODES_MAX)) {
        tree->incomplete = true;
        return 0;
    }
    uint32_t number = (uint32_t)tree->node_count++;
    tree->nodes[number] = (struct node){.kind = kind,
                                        .parent = parent,
                                        .place = place,
                                        .depth = tree->nodes[parent].depth + 1,
                                        .stride = 1,
                                        .next_sibling = tree->nodes[parent].first_child};
    tree->nodes[parent].first_child = number;
    return number;
}

static uint32_t child_of(struct tree *tree, uint32_t parent, enum node_kind kind, uint32_t place)
{
    for (uint32_t n = tree->nodes[parent].first_child; n; n = tree->nodes[n].next_sibling)
        if (tree->nodes[n].kind == kind && tree->nodes[n].place == place)
            return n;
    return add_node(tree, parent, kind, place);
}

/* --- seeing a stack --- */

static void close_from(struct tree *tree, struct tree_path *path, size_t from, ovl_time now_ns)
{
    while (path->count > from) {
        struct tree_open *open = &path->open[--path->count];
        struct node *node = &tree->nodes[open->node];
        node->last_ns = now_ns;
        node->left = path->told;
        node->wall_ns += now_ns - open->start_ns;
        node->waited += !open->again && open->spent.waits > 0;
        instances_keep(tree, node, open, now_ns);
    }
}

struct step {
    uint32_t node;
    uint32_t identity;
    uint32_t index;
};

static size_t add_step(struct step *steps, size_t count, uint32_t node, uint32_t identity,
                       uint32_t index)
{
    steps[count] = (struct step){.node = node, .identity = identity, .index = index};
    return count + 1;
}

/* A function is known by its first line, wherever in it the frame is. */
static uint32_t function_place(struct tree *tree, uint32_t number)
{
    const struct place *place = &tree->places[number];
    if (place->line == place->first_line)
        return number;
    /* tree_place copies what it keeps, and may move the places. */
    const char *file = place->file;
    const char *function = place->function;
    return tree_place(tree, file, function, place->first_line, place->first_line, place->flags);
}

/* No loop is around it in its source, as far as that can be read. */
static bool is_outside_of_loops(struct place *place)
{
    char line[8];
    if (!place->loop_known) {
        place->loop_known = true;
        place->loop_line = source_line(place->file, place->line, line, sizeof line)
                               ? source_loop(place->file, place->first_line, place->line)
                               : -1;
    }
    return place->loop_line == 0;
}

/*
 * Calls from a module's own lines are told apart by the names of the module, which whatever it
 * calls may change meanwhile. From a line in no loop there is one alone.
 */
static uint32_t identity_of(struct tree *tree, const struct tree_level *levels, size_t n)
{
    struct place *caller = n > 0 ? &tree->places[levels[n - 1].place] : NULL;
    if (!caller || !caller->own || strcmp(caller->function, "<module>") != 0 ||
        levels[n - 1].loops[0].turn || !is_outside_of_loops(caller))
        return levels[n].call;
    return UINT32_MAX - levels[n - 1].place;
}

static size_t make_steps(struct tree *tree, const struct tree_level *levels, size_t level_count,
                         struct step *steps)
{
    size_t count = 0;
    uint32_t node = 0;
    for (size_t n = 0; n < level_count && count + 1 + RECORD_LOOPS <= TREE_PATH_MAX; n++) {
        node = child_of(tree, node, NODE_CALL, function_place(tree, levels[n].place));
        if (!node)
            break;
        count = add_step(steps, count, node, identity_of(tree, levels, n), 0);
        for (int loop = 0; loop < RECORD_LOOPS && levels[n].loops[loop].turn; loop++) {
            node = child_of(tree, node, NODE_LOOP, levels[n].loops[loop].place);
            if (!node)
                return count;
            count = add_step(steps, count, node, levels[n].loops[loop].turn,
                             levels[n].loops[loop].index);
        }
    }
    return count;
}

/* Whether this is a turn of the loop that it was seen in last, in this process or in a fork. */
static bool is_same_loop(struct node *node, const struct tree_path *path, uint32_t parent)
{
    bool same = node->turn_parent == parent && node->turn_family == path->family;
    node->shared = same && (node->shared || node->turn_process != path->process);
    return same;
}

/*
 * Turns that were too short to be seen count too, where the loop's own number tells of them. A
 * smaller number is that of a loop that began anew; or, of one that is shared, it was counted. The
 * same number is that of a loop that has come to its end.
 */
static uint64_t turns_since(struct node *node, const struct tree_path *path, uint32_t parent,
                            uint32_t index)
{
    uint64_t turns = index && index < COUNTS_DOWN ? index : 1; /* it counts from 1 */
    uint32_t before = node->turn_index;
    bool same = is_same_loop(node, path, parent);
    if (index && same && index >= before)
        turns = index - before;
    else if (index && node->shared)
        turns = 0;
    node->turn_parent = parent;
    node->turn_process = path->process;
    node->turn_family = path->family;
    node->turn_index = turns ? index : before;
    return turns;
}

/* A fork comes to be in the calls that its parent was in: those are counted. */
static bool is_inherited(const struct node *node, const struct tree_path *path,
                         const struct step *step)
{
    return path->fork_ns && node->last_identity == step->identity &&
           node->last_family == path->family && node->last_open_ns < path->fork_ns;
}

/* What suspends leaves the stack, and comes back. */
static bool suspends(const struct tree *tree, const struct node *node)
{
    return node->kind == NODE_CALL && tree->places[node->place].flags & PYTHON_CODE_SUSPENDS;
}

/* It is sure that what it was seen in last has ended: it is in a new call or turn; or the thread
 * itself told a stack without it. */
static bool has_ended(const struct tree *tree, const struct node *node,
                      const struct tree_path *path, bool in_new)
{
    bool left = node->kind == NODE_CALL && node->left && path->told;
    return (in_new || left) && !suspends(tree, node);
}

/*
 * A stack that was read while it changed may lack what it is in: that has not ended when it is seen
 * again. Returns whether it is a new one.
 */
static bool open_step(struct tree *tree, struct tree_path *path, const struct step *step,
                      bool in_new, ovl_time now_ns)
{
    uint32_t parent = path->count ? path->open[path->count - 1].identity : 0;
    struct node *node = &tree->nodes[step->node];
    ovl_time start_ns = path->seen_ns ? path->seen_ns : now_ns;
    bool again = node->last_identity == step->identity && node->last_path == path->number &&
                 !has_ended(tree, node, path, in_new);
    node->uncounted |= node->kind == NODE_LOOP && !step->index;
    bool inherited = !again && node->kind == NODE_CALL && is_inherited(node, path, step);
    if (!again && !inherited)
        node->count += node->kind == NODE_LOOP ? turns_since(node, path, parent, step->index) : 1;
    if (!inherited)
        node->last_open_ns = start_ns;
    node->last_identity = step->identity;
    node->last_path = path->number;
    node->last_family = path->family;
    if (!node->first_ns)
        node->first_ns = start_ns;
    path->open[path->count++] = (struct tree_open){
        .node = step->node, .identity = step->identity, .again = again, .start_ns = start_ns};
    return !again;
}

void tree_see(struct tree *tree, struct tree_path *path, const struct tree_level *levels,
              size_t level_count, ovl_time now_ns, const struct spent *spent)
{
    struct step steps[TREE_PATH_MAX];
    size_t count = make_steps(tree, levels, level_count, steps);
    size_t same = 0;
    if (!path->number)
        path->number = ++tree->path_count;
    while (same < count && same < path->count && path->open[same].node == steps[same].node &&
           path->open[same].identity == steps[same].identity)
        same++;
    ovl_time seen_ns = path->seen_ns ? path->seen_ns : now_ns;
    close_from(tree, path, same, seen_ns);
    bool is_new = false;
    while (path->count < count)
        is_new = open_step(tree, path, &steps[path->count], is_new, now_ns);
    path->seen_ns = now_ns;
    for (size_t n = 0; n < path->count; n++) {
        tree->nodes[path->open[n].node].last_ns = now_ns;
        tree->nodes[path->open[n].node].looks++;
    }
    tree_spend(tree, path, spent);
}

void tree_spend(struct tree *tree, struct tree_path *path, const struct spent *spent)
{
    spent_add(&tree->nodes[0].spent, spent);
    for (size_t n = 0; n < path->count; n++) {
        spent_add(&path->open[n].spent, spent);
        spent_add(&tree->nodes[path->open[n].node].spent, spent);
    }
}

uint32_t tree_innermost(const struct tree_path *path)
{
    return path->count ? path->open[path->count - 1].node : 0;
}

void tree_end(struct tree *tree, struct tree_path *path, ovl_time now_ns)
{
    close_from(tree, path, 0, path->seen_ns ? path->seen_ns : now_ns);
    path->seen_ns = 0;
}

void tree_uses(struct tree *tree, const struct tree_path *path, uint64_t object)
{
    for (size_t n = 0; n < path->count; n++) {
        struct node *node = &tree->nodes[path->open[n].node];
        if (node->object && node->object != object)
            node->objects_differ = true;
        node->object = object;
    }
}

/* What is synced often keeps its place against what is synced once. */
static void note_sync(struct node *node, uint64_t file)
{
    node->syncs++;
    for (size_t n = 0; n < TREE_SYNCED; n++)
        if (node->synced_times[n] && node->synced[n] == file) {
            node->synced_times[n]++;
            return;
        }
    for (size_t n = 0; n < TREE_SYNCED; n++)
        if (!node->synced_times[n]) {
            node->synced[n] = file;
            node->synced_times[n] = 1;
            return;
        }
    for (size_t n = 0; n < TREE_SYNCED; n++)
        node->synced_times[n]--;
}

void tree_syncs(struct tree *tree, const struct tree_path *path, uint64_t file)
{
    for (size_t n = 0; n < path->count; n++)
        note_sync(&tree->nodes[path->open[n].node], file);
}

/* Of a third of all, two fifths are left at least, where the others differ. */
bool tree_syncs_one(const struct node *node)
{
    for (size_t n = 0; n < TREE_SYNCED; n++)
        if (node->syncs && node->synced_times[n] >= node->syncs / 8)
            return true;
    return false;
}

/* --- lines --- */

struct line_cost *tree_line_at(struct tree *tree, uint32_t place)
{
    for (size_t n = 0; n < tree->line_count; n++)
        if (tree->lines[n].place == place)
            return &tree->lines[n];
    if (!make_room(&tree->lines, &tree->line_room, tree->line_count, sizeof *tree->lines,
                   LINES_MAX)) {
        tree->incomplete = true;
        return NULL;
    }
    tree->lines[tree->line_count] = (struct line_cost){.place = place};
    return &tree->lines[tree->line_count++];
}

struct line_cost *tree_line(struct tree *tree, const struct tree_level *levels, size_t level_count)
{
    if (level_count == 0)
        return NULL;
    for (size_t n = level_count; n-- > 0;) {
        if (!tree->places[levels[n].place].own)
            continue;
        struct line_cost *line = tree_line_at(tree, levels[n].place);
        if (line && n + 1 < level_count)
            line->library = levels[n + 1].place;
        return line;
    }
    return tree_line_at(tree, levels[level_count - 1].place);
}
