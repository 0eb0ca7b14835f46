/* The loop around a line of C, found by how far lines are indented. */
#include "advise/source.h"
#include "support/cases.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char source[] = "int sum(int n)\n"                        /* 1 */
                             "{\n"                                     /* 2 */
                             "    int sum = 0;\n"                      /* 3 */
                             "    for (int i = 0; i < n; i++)\n"       /* 4 */
                             "        for (int j = 0; j < i; j++) {\n" /* 5 */
                             "            sum += j;\n"                 /* 6 */
                             "        }\n"                             /* 7 */
                             "    return sum;\n"                       /* 8 */
                             "}\n";                                    /* 9 */

static char path[SCRATCH_BYTES];

static void innermost_and_outer_loops_are_found(void)
{
    assert_int_equal(source_loop(path, 1, 6), 5);
    assert_int_equal(source_outer_loop(path, 1, 5), 4);
    assert_int_equal(source_outer_loop(path, 1, 4), 0);
    assert_int_equal(source_loop(path, 1, 8), 0);
}

/* Inlined code is told with the function that it is in: its line may stand before that. */
static void lines_outside_have_no_loop(void)
{
    assert_int_equal(source_loop(path, 9, 6), 0);
    assert_int_equal(source_loop(path, 7000, 6), 0);
    assert_int_equal(source_loop(path, 1, 0), 0);
    assert_int_equal(source_loop(path, 1, -5), 0);
    assert_int_equal(source_loop(path, 1, 7000), 0);
    assert_int_equal(source_loop("/nowhere/a.c", 1, 6), 0);
}

static const struct test_case cases[] = {
    TEST_CASE(innermost_and_outer_loops_are_found),
    TEST_CASE(lines_outside_have_no_loop),
};

int main(void)
{
    int fd = scratch_file(path, ANYWHERE);
    if (fd < 0 || write(fd, source, sizeof source - 1) != sizeof source - 1 || close(fd))
        return EXIT_FAILURE;
    int failed = run_cases("loops", cases, COUNT_OF(cases), NULL);
    unlink(path);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
