/* How a disk takes several writes at once: between what was measured, and beyond; and a real one.
 */
#include "advise/disk.h"
#include "support/cases.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct disk steps = {
    .known = true, .each_ns = {1000, 1200, 1600, 2400, 4800}, .most_ns = 2000};

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-9;
}

static void a_stretch_lies_between_what_was_measured(void)
{
    assert_true(near(disk_stretch(&steps, 1000, 0.5), 1.0));
    assert_true(near(disk_stretch(&steps, 1000, 1), 1.0));
    assert_true(near(disk_stretch(&steps, 1000, 2), 1.2));
    assert_true(near(disk_stretch(&steps, 1000, 8), 2.4));
    double three = disk_stretch(&steps, 1000, 3);
    assert_true(three > 1.2 && three < 1.6);
}

static void more_than_were_tried_get_no_more_out_of_it(void)
{
    assert_true(near(disk_stretch(&steps, 1000, 16), 4.8));
    assert_true(near(disk_stretch(&steps, 1000, 32), 9.6));
}

/* What it takes more than at its quickest is a wait that overlaps, until so many are as slow. */
static void a_slower_disk_takes_more_at_once(void)
{
    assert_true(near(disk_stretch(&steps, 2400, 2), 1.0));
    assert_true(near(disk_stretch(&steps, 2400, 8), 1.0));
    assert_true(near(disk_stretch(&steps, 2400, 16), 2.0));
}

static void a_quicker_disk_is_quicker_with_several_as_well(void)
{
    assert_true(near(disk_stretch(&steps, 500, 8), 2.4));
}

/* Of memory, which takes all at once. */
static void a_disk_is_measured(void)
{
    struct stat memory;
    struct disk disk = {.known = false};
    setenv("TMPDIR", "/dev/shm", 1);
    assert_int_equal(stat("/dev/shm", &memory), 0);
    for (int new_files = 0; new_files < 2; new_files++) {
        disk_measure(memory.st_dev, new_files, &disk);
        assert_true(disk.known);
        assert_true(disk.most_ns >= disk.each_ns[0]);
        for (int n = 0; n < DISK_STEPS; n++) {
            assert_true(disk.each_ns[n] > 0);
            assert_true(n == 0 || disk.each_ns[n] <= 2 * disk.each_ns[n - 1]);
        }
    }
}

static void a_disk_that_is_nowhere_is_not_known(void)
{
    struct disk disk = {.known = true};
    disk_measure(UINT64_MAX, false, &disk);
    assert_false(disk.known);
}

static const struct test_case cases[] = {
    TEST_CASE(a_stretch_lies_between_what_was_measured),
    TEST_CASE(more_than_were_tried_get_no_more_out_of_it),
    TEST_CASE(a_slower_disk_takes_more_at_once),
    TEST_CASE(a_quicker_disk_is_quicker_with_several_as_well),
    TEST_CASE(a_disk_is_measured),
    TEST_CASE(a_disk_that_is_nowhere_is_not_known),
};

int main(void)
{
    return run_cases("disk", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
