/* Memory that does not grow with the time a program runs, however many different calls it makes;
 * and what takes most of the time keeps its single calls. */
#include "advise/instances.h"
#include "support/cases.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS 1000
#define CALLS     100000

static struct tree tree;
static struct tree_path path = {.process = 1, .family = 1};

static size_t kept(void)
{
    size_t room = 0;
    for (size_t n = 0; n < tree.node_count; n++)
        room += tree.nodes[n].instance_room;
    return room;
}

/* A call of one function, from the program's own lines. */
static void call(uint32_t number, uint32_t identity, ovl_time now_ns)
{
    char name[32];
    snprintf(name, sizeof name, "f%u", number);
    const struct tree_level levels[] = {
        {.place = tree_place(&tree, "/nowhere/a.py", "main", 8, 1, 0), .call = 7},
        {.place = tree_place(&tree, "/nowhere/a.py", name, (int)number, (int)number, 0),
         .call = identity},
    };
    struct spent spent = {.waits = 1};
    tree_see(&tree, &path, levels, 2, now_ns, &spent);
}

static const struct node *node_of(int line)
{
    for (size_t n = 0; n < tree.node_count; n++)
        if (tree.places[tree.nodes[n].place].line == line)
            return &tree.nodes[n];
    return NULL;
}

static void very_many_functions_keep_a_number_of_calls(void)
{
    assert_int_equal(tree_init(&tree), 0);
    size_t most = 0;
    ovl_time now_ns = OVL_SECOND;
    for (uint32_t n = 0; n < CALLS; n++) {
        bool heavy = n % 10 == 0;
        call(heavy ? 10 : 11 + n * 7919u % FUNCTIONS, n + 1, now_ns);
        now_ns += heavy ? OVL_MILLISECOND : 100 * OVL_MICROSECOND;
        if (n % 1000 == 0)
            most = kept() > most ? kept() : most;
    }
    tree_end(&tree, &path, now_ns);
    assert_int_equal(kept(), tree.instance_room);
    assert_true(most > INSTANCES_MAX / 2);
    assert_true(most <= INSTANCES_MAX + TREE_INSTANCES);
    assert_true(node_of(10)->instance_count >= TREE_INSTANCES / 2);
    assert_int_equal(node_of(10)->count, CALLS / 10);
    tree_release(&tree);
}

static const struct test_case cases[] = {
    TEST_CASE(very_many_functions_keep_a_number_of_calls),
};

int main(void)
{
    return run_cases("instances", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
