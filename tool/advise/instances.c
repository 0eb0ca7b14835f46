#include "advise/instances.h"

#include <stdlib.h>

#define ROOM_LEAST 2

/* The first that is light. */
#define LIGHT_NS OVL_MILLISECOND

/* When there is no more room, every second one goes. */
static void thin_out(struct node *node)
{
    size_t kept = 0;
    for (size_t n = 0; n < node->instance_count; n += 2)
        node->instances[kept++] = node->instances[n];
    node->instance_count = kept;
    node->stride *= 2;
}

static void give_up(struct tree *tree, struct node *node)
{
    tree->instance_room -= node->instance_room;
    free(node->instances);
    node->instances = NULL;
    node->instance_count = 0;
    node->instance_room = 0;
}

/*
 * What takes next to nothing of the time gains nothing, and needs no closer look: the lightest
 * nodes give up theirs, of equals the innermost, and get none until they are heavier.
 */
static void give_up_lightest(struct tree *tree)
{
    while (tree->instance_room > INSTANCES_MAX / 2) {
        tree->light_ns = tree->light_ns ? 2 * tree->light_ns : LIGHT_NS;
        for (size_t n = tree->node_count; n-- > 0 && tree->instance_room > INSTANCES_MAX / 2;)
            if (tree->nodes[n].wall_ns < tree->light_ns)
                give_up(tree, &tree->nodes[n]);
    }
}

static bool may_grow(const struct tree *tree, const struct node *node)
{
    return node->instance_count == node->instance_room && node->instance_room < TREE_INSTANCES &&
           node->wall_ns >= tree->light_ns;
}

static void grow(struct tree *tree, struct node *node)
{
    size_t room = node->instance_room ? 2 * node->instance_room : ROOM_LEAST;
    struct instance *moved = realloc(node->instances, room * sizeof *moved);
    if (!moved)
        return;
    tree->instance_room += room - node->instance_room;
    node->instances = moved;
    node->instance_room = room;
}

/* For one more of a node. Returns whether there is. */
static bool make_room(struct tree *tree, struct node *node)
{
    if (may_grow(tree, node) && tree->instance_room >= INSTANCES_MAX)
        give_up_lightest(tree);
    if (may_grow(tree, node))
        grow(tree, node);
    if (node->instance_count && node->instance_count == node->instance_room)
        thin_out(node);
    return node->instance_count < node->instance_room;
}

void instances_keep(struct tree *tree, struct node *node, const struct tree_open *open,
                    ovl_time end_ns)
{
    if (open->again && node->instance_count && node->stride == 1) {
        struct instance *last = &node->instances[node->instance_count - 1];
        last->wall_ns += end_ns - open->start_ns;
        spent_add(&last->spent, &open->spent);
        return;
    }
    if (node->seen++ % node->stride)
        return;
    if (!make_room(tree, node))
        return;
    node->instances[node->instance_count++] = (struct instance){
        .start_ns = open->start_ns, .wall_ns = end_ns - open->start_ns, .spent = open->spent};
}
