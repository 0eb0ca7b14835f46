/* How often the unit of work was done, from stacks that were seen: what is certain, what is so at
 * least, and what nobody counted. */
#include "advise/unit.h"
#include "support/cases.h"

#include <stdlib.h>

#define TURN_NS (10 * OVL_MILLISECOND)

static struct tree tree;
static uint32_t places[3]; /* the module, the loop's head in it, the function that it calls */

static void begin(void)
{
    assert_int_equal(tree_init(&tree), 0);
    places[0] = tree_place(&tree, "/nowhere/a.py", "<module>", 8, 1, 0);
    places[1] = tree_place(&tree, "/nowhere/a.py", "<module>", 7, 1, 0);
    places[2] = tree_place(&tree, "/nowhere/a.py", "task", 4, 3, 0);
}

/* In one turn of the loop. `turn`: 0: there is no loop; `index`: 0: it has no number. */
static void see(struct tree_path *path, uint32_t turn, uint32_t index, uint32_t call,
                ovl_time now_ns, bool waits)
{
    const struct tree_level levels[] = {
        {.place = places[0],
         .call = 7,
         .loops = {{.place = places[1], .turn = turn, .index = index}}},
        {.place = places[2], .call = call},
    };
    struct spent spent = {.waits = waits};
    if (waits)
        spent.wait_ns[RECORD_SLEEP] = TURN_NS;
    else
        spent.cpu_ns = TURN_NS;
    tree_see(&tree, path, levels, 2, now_ns, &spent);
}

static struct unit finish(struct tree_path *path)
{
    struct unit unit;
    tree_end(&tree, path, OVL_SECOND);
    unit_find(&tree, 2, &unit);
    tree_release(&tree);
    return unit;
}

static void turns_that_wait_are_certain(void)
{
    struct tree_path path = {.process = 1, .family = 1};
    begin();
    for (uint32_t n = 1; n <= 30; n++)
        see(&path, 100 + n, n, 100 + n, n * TURN_NS, true);
    struct unit unit = finish(&path);
    assert_int_equal(unit.count, 30);
    assert_false(unit.at_least);
    assert_false(unit.uncounted);
}

/* Those in between are counted by their numbers; of those after the last look, nothing is known. */
static void turns_that_compute_are_so_many_at_least(void)
{
    struct tree_path path = {.process = 1, .family = 1};
    begin();
    for (uint32_t n = 5; n <= 995; n += 5)
        see(&path, 100 + n, n, 100 + n, n * TURN_NS, false);
    struct unit unit = finish(&path);
    assert_int_equal(unit.count, 995);
    assert_true(unit.at_least);
    assert_false(unit.uncounted);
}

static void calls_that_are_over_before_a_look_are_not_counted(void)
{
    struct tree_path path = {.process = 1, .family = 1};
    begin();
    for (uint32_t n = 1; n <= 200; n++)
        see(&path, 0, 0, 100 + n, n * TURN_NS, false);
    assert_true(finish(&path).uncounted);
}

static void calls_that_are_long_are_so_many_at_least(void)
{
    struct tree_path path = {.process = 1, .family = 1};
    begin();
    for (uint32_t n = 0; n < 200; n++)
        see(&path, 0, 0, 100 + n / 10, (n + 1) * TURN_NS, false);
    struct unit unit = finish(&path);
    assert_int_equal(unit.count, 20);
    assert_true(unit.at_least);
    assert_false(unit.uncounted);
}

static void turns_without_a_number_are_not_counted_by_looks(void)
{
    struct tree_path path = {.process = 1, .family = 1};
    begin();
    for (uint32_t n = 1; n <= 3; n++)
        see(&path, 100 + n, 0, 100 + n, n * TURN_NS, false);
    assert_true(finish(&path).uncounted);
}

/* Each child goes on in the turn that its parent is in, and is seen before or after that. */
static void forks_share_the_loop_of_their_parent(void)
{
    struct tree_path parent = {.process = 1, .family = 1};
    struct tree_path children[10];
    begin();
    see(&parent, 101, 1, 101, TURN_NS, false);
    for (uint32_t n = 10; n >= 1; n--) {
        children[n - 1] =
            (struct tree_path){.process = n + 1, .family = 1, .fork_ns = (n + 1) * TURN_NS};
        see(&children[n - 1], 100 + n, n, 100 + n, (n + 2) * TURN_NS, true);
    }
    for (uint32_t n = 1; n <= 10; n++)
        see(&parent, 100 + n, n, 100 + n, (n + 20) * TURN_NS, false);
    for (size_t n = 0; n < 10; n++)
        tree_end(&tree, &children[n], OVL_SECOND);
    assert_int_equal(finish(&parent).count, 10);
}

/* Programs that are started one after the other have their loops at the same addresses. */
static void another_program_begins_anew(void)
{
    struct tree_path first = {.process = 1, .family = 1};
    struct tree_path second = {.process = 2, .family = 2};
    begin();
    for (uint32_t n = 1; n <= 30; n++)
        see(&first, 100 + n, n, 100 + n, n * TURN_NS, true);
    tree_end(&tree, &first, 31 * TURN_NS);
    for (uint32_t n = 1; n <= 30; n++)
        see(&second, 100 + n, n, 100 + n, (n + 40) * TURN_NS, true);
    assert_int_equal(finish(&second).count, 60);
}

static const struct test_case cases[] = {
    TEST_CASE(turns_that_wait_are_certain),
    TEST_CASE(turns_that_compute_are_so_many_at_least),
    TEST_CASE(calls_that_are_over_before_a_look_are_not_counted),
    TEST_CASE(calls_that_are_long_are_so_many_at_least),
    TEST_CASE(turns_without_a_number_are_not_counted_by_looks),
    TEST_CASE(forks_share_the_loop_of_their_parent),
    TEST_CASE(another_program_begins_anew),
};

int main(void)
{
    return run_cases("units", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
