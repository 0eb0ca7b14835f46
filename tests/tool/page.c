/* Pages: the same bytes wherever they are cut. */
#include "origin/page.h"

#include "support/cases.h"

#include <errno.h>
#include <string.h>

static struct page find(const char *target)
{
    struct page page;
    assert_int_equal(page_find(target, strlen(target), 10240, &page), 0);
    return page;
}

static void size_comes_from_the_query(void)
{
    assert_true(find("/a").size == 10240);
    assert_true(find("/a?size=7").size == 7);
    assert_true(find("/a?x=1&size=2k&y=2").size == 2048);
    assert_true(find("/a?sizes=3").size == 10240);
    struct page page;
    assert_int_equal(page_find("/a?size=", 8, 1, &page), -EINVAL);
    assert_int_equal(page_find("/a?size=-1", 10, 1, &page), -EINVAL);
    assert_int_equal(page_find("/a?size=x", 9, 1, &page), -EINVAL);
    assert_int_equal(page_find("/a?size=2T", 10, 1, &page), -EFBIG);
    assert_int_equal(page_find("/a?size=999999999999999999999", 29, 1, &page), -EFBIG);
}

static void content_follows_from_the_path_alone(void)
{
    char one[256];
    char other[256];
    struct page page = find("/a?size=100");
    page_fill(&page, 0, one, sizeof one);
    page = find("/a");
    page_fill(&page, 0, other, sizeof other);
    assert_memory_equal(one, other, sizeof one);
    page = find("/b");
    page_fill(&page, 0, other, sizeof other);
    assert_memory_not_equal(one, other, sizeof one);
    for (size_t n = 0; n < sizeof one; n++)
        assert_in_range(one[n], ' ', '_');
}

static void every_cut_gives_the_same_bytes(void)
{
    char whole[100];
    struct page page = find("/cut?size=100");
    page_fill(&page, 0, whole, sizeof whole);
    for (size_t from = 0; from < sizeof whole; from++) {
        for (size_t size = 0; from + size <= sizeof whole; size++) {
            char part[sizeof whole];
            memset(part, '~', sizeof part);
            page_fill(&page, from, part, size);
            assert_memory_equal(part, whole + from, size);
            assert_true(size == sizeof part || part[size] == '~');
            assert_true(page_matches(&page, from, part, size));
        }
    }
}

static void a_wrong_byte_is_found_wherever_it_is(void)
{
    static char data[5000];
    struct page page = find("/wrong?size=5000");
    page_fill(&page, 0, data, sizeof data);
    assert_true(page_matches(&page, 0, data, sizeof data));
    for (size_t n = 0; n < sizeof data; n++) {
        data[n] ^= 1;
        assert_false(page_matches(&page, 0, data, sizeof data));
        data[n] ^= 1;
    }
    assert_false(page_matches(&page, 1, data, sizeof data));
    assert_false(page_matches(&page, UINT64_MAX, data, 2));
}

static void bytes_beyond_the_end_do_not_match(void)
{
    char data[16];
    struct page page = find("/end?size=10");
    page_fill(&page, 0, data, sizeof data);
    assert_true(page_matches(&page, 0, data, 10));
    assert_false(page_matches(&page, 0, data, 11));
    assert_true(page_matches(&page, 10, data, 0));
    assert_false(page_matches(&page, 11, data, 0));
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(size_comes_from_the_query),
        TEST_CASE(content_follows_from_the_path_alone),
        TEST_CASE(every_cut_gives_the_same_bytes),
        TEST_CASE(a_wrong_byte_is_found_wherever_it_is),
        TEST_CASE(bytes_beyond_the_end_do_not_match),
    };
    return run_cases("tool page", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
}
