/* Numbers, durations, sizes, and nearest spellings. */
#include "values.h"

#include "nearest.h"
#include "support/cases.h"

#include <string.h>

static void numbers_are_whole_and_decimal(void)
{
    uint64_t value = 7;
    assert_int_equal(value_number("160", &value), VALUE_OK);
    assert_int_equal(value, 160);
    assert_int_equal(value_number("9223372036854775807", &value), VALUE_OK);
    assert_true(value == INT64_MAX);

    value = 7;
    assert_int_equal(value_number("", &value), VALUE_EMPTY);
    assert_int_equal(value_number("-1", &value), VALUE_NEGATIVE);
    assert_int_equal(value_number("abc", &value), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_number("1.5", &value), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_number("12x", &value), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_number("0x10", &value), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_number(" 1", &value), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_number("9223372036854775808", &value), VALUE_TOO_LARGE);
    assert_int_equal(value_number("99999999999999999999999999999999999999999999", &value),
                     VALUE_TOO_LARGE);
    assert_int_equal(value, 7);
}

static void durations_need_a_unit(void)
{
    ovl_time ns = 7;
    assert_int_equal(value_duration("250", &ns), VALUE_NO_UNIT);
    assert_int_equal(value_duration("1.5", &ns), VALUE_NO_UNIT);
    assert_int_equal(value_duration("250 ms", &ns), VALUE_BAD_UNIT);
    assert_int_equal(value_duration("2d", &ns), VALUE_BAD_UNIT);
    assert_int_equal(value_duration("-1s", &ns), VALUE_NEGATIVE);
    assert_int_equal(value_duration("ms", &ns), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_duration(".", &ns), VALUE_NOT_A_NUMBER);
    assert_int_equal(value_duration("99999999999h", &ns), VALUE_TOO_LARGE);
    assert_int_equal(ns, 7);

    static const struct {
        const char *text;
        ovl_time ns;
    } good[] = {
        {"250ms", 250 * OVL_MILLISECOND},
        {"1.5s", 1500 * OVL_MILLISECOND},
        {"2m", 120 * OVL_SECOND},
        {"1h", 3600 * OVL_SECOND},
        {"10us", 10 * OVL_MICROSECOND},
        {"3ns", 3},
        {"0.1s", 100 * OVL_MILLISECOND},
        {".5s", 500 * OVL_MILLISECOND},
        {"0", 0},
        {"0ms", 0},
        {"1.0000000000000000000000000000000000000000000000s", OVL_SECOND},
        {"0.00000000000000000000000000000000000000000000001s", 0},
        {"100000000.1234567890123s", 100000000123456789},
        {"0.0000000000003h", 1},
    };
    for (size_t n = 0; n < COUNT_OF(good); n++) {
        assert_int_equal(value_duration(good[n].text, &ns), VALUE_OK);
        assert_int_equal(ns, good[n].ns);
    }
}

static void seconds_need_none(void)
{
    ovl_time ns = 7;
    assert_int_equal(value_seconds("", &ns), VALUE_EMPTY);
    assert_int_equal(value_seconds("2d", &ns), VALUE_BAD_UNIT);
    assert_int_equal(value_seconds("-1", &ns), VALUE_NEGATIVE);
    assert_int_equal(ns, 7);
    assert_int_equal(value_seconds("2", &ns), VALUE_OK);
    assert_int_equal(ns, 2 * OVL_SECOND);
    assert_int_equal(value_seconds("2.5", &ns), VALUE_OK);
    assert_int_equal(ns, 2500 * OVL_MILLISECOND);
    assert_int_equal(value_seconds("250ms", &ns), VALUE_OK);
    assert_int_equal(ns, 250 * OVL_MILLISECOND);
}

static void sizes_are_powers_of_1024(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"4096", 4096},           {"10k", 10240},     {"10K", 10240},     {"3M", 3145728},
        {"1.5k", 1536},           {"1G", 1073741824}, {"0", 0},           {"12B", 12},
        {"1T", 1099511627776ull}, {"3m", 3145728},    {"2g", 2147483648}, {"1t", 1099511627776ull},
    };
    uint64_t bytes = 7;
    for (size_t n = 0; n < COUNT_OF(good); n++) {
        assert_int_equal(value_size(good[n].text, &bytes), VALUE_OK);
        assert_true(bytes == good[n].bytes);
    }
    assert_int_equal(value_size("3Q", &bytes), VALUE_BAD_UNIT);
    assert_int_equal(value_size("-3k", &bytes), VALUE_NEGATIVE);
    assert_int_equal(value_size("99999999T", &bytes), VALUE_TOO_LARGE);
}

static void nearest_spelling_is_near(void)
{
    static const char *const words[] = {"latency", "size", "port", "workers"};
    assert_string_equal(nearest("latancy", words, COUNT_OF(words)), "latency");
    assert_string_equal(nearest("wrokers", words, COUNT_OF(words)), "workers");
    assert_string_equal(nearest("prot", words, COUNT_OF(words)), "port");
    assert_string_equal(nearest("lat", words, COUNT_OF(words)), "latency");
    assert_null(nearest("zebra", words, COUNT_OF(words)));
    assert_null(nearest("", words, COUNT_OF(words)));
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(nearest(longest, words, COUNT_OF(words)));
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(numbers_are_whole_and_decimal),
        TEST_CASE(durations_need_a_unit),
        TEST_CASE(seconds_need_none),
        TEST_CASE(sizes_are_powers_of_1024),
        TEST_CASE(nearest_spelling_is_near),
    };
    return run_cases("tool values", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
}
