#include "advise/unseen.h"

/* Less than this part of the computing says nothing of the rest. */
#define SEEN_LEAST 0.25

void unseen_found(struct unseen *unseen, uint32_t at)
{
    for (size_t n = 0; n < TREE_LOOKS; n++)
        if (unseen->times[n] && unseen->at[n] == at) {
            unseen->times[n]++;
            return;
        }
    for (size_t n = 0; n < TREE_LOOKS; n++)
        if (!unseen->times[n]) {
            unseen->at[n] = at;
            unseen->times[n] = 1;
            return;
        }
    /* What is found often keeps its place against what is found once. */
    for (size_t n = 0; n < TREE_LOOKS; n++)
        unseen->times[n]--;
}

ovl_time unseen_part(const struct unseen *unseen, size_t n)
{
    double all = 0;
    for (size_t i = 0; i < TREE_LOOKS; i++)
        all += unseen->times[i];
    return all > 0 ? (ovl_time)((double)unseen->cpu_ns * unseen->times[n] / all) : 0;
}

void unseen_settle_spent(struct spent *spent)
{
    double computed = (double)(spent->cpu_ns - spent->child_ns);
    double seen = computed - (double)spent->unseen_ns;
    double free = (double)(spent->free_ns - spent->child_ns);
    if (seen > 0 && seen >= SEEN_LEAST * computed)
        spent->free_ns += (ovl_time)((double)spent->unseen_ns * free / seen);
}

/* Those of a node, of which each may have been seen too rarely by itself. */
static void settle_instances(struct node *node)
{
    double unseen = (double)node->spent.unseen_ns;
    ovl_time before_ns = node->spent.free_ns;
    unseen_settle_spent(&node->spent);
    double share = unseen > 0 ? (double)(node->spent.free_ns - before_ns) / unseen : 0;
    for (size_t n = 0; n < node->instance_count; n++) {
        struct spent *spent = &node->instances[n].spent;
        spent->free_ns += (ovl_time)(share * (double)spent->unseen_ns);
    }
}

static void add_above(struct tree *tree, uint32_t number, ovl_time cpu_ns)
{
    for (; number; number = tree->nodes[number].parent)
        tree->nodes[number].spent.cpu_ns += cpu_ns;
}

/* What both are in has it already. */
static void move_between_nodes(struct tree *tree, uint32_t from, uint32_t to, ovl_time cpu_ns)
{
    if (cpu_ns == 0 || !to)
        return;
    add_above(tree, from, -cpu_ns);
    add_above(tree, to, cpu_ns);
}

static void move_between_lines(struct tree *tree, size_t from, uint32_t place, ovl_time cpu_ns)
{
    struct line_cost *to = tree_line_at(tree, place);
    if (!to)
        return;
    tree->lines[from].spent.cpu_ns -= cpu_ns;
    to->spent.cpu_ns += cpu_ns;
}

void unseen_settle(struct tree *tree)
{
    for (uint32_t n = 0; n < tree->node_count; n++)
        settle_instances(&tree->nodes[n]);
    for (uint32_t n = 1; n < tree->node_count; n++)
        for (size_t i = 0; i < TREE_LOOKS; i++)
            move_between_nodes(tree, n, tree->nodes[n].unseen.at[i],
                               unseen_part(&tree->nodes[n].unseen, i));
    for (size_t n = 0; n < tree->line_count; n++)
        for (size_t i = 0; i < TREE_LOOKS; i++) {
            ovl_time part_ns = unseen_part(&tree->lines[n].unseen, i);
            if (part_ns > 0)
                move_between_lines(tree, n, tree->lines[n].unseen.at[i], part_ns);
        }
}
