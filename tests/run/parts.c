/* Smaller parts: the spool, the order, the median, the halt rule, text. */
#include "run/halt.h"
#include "run/median.h"
#include "run/order.h"
#include "run/spool.h"
#include "run/text.h"
#include "support/cases.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream of bytes that is known at each place. */
static char byte_at(size_t stream, size_t at)
{
    return (char)(stream * 31 + at * 7 + at / 251);
}

struct reading {
    size_t stream;
    size_t at;
};

static int compare(void *context, struct ovl_bytes bytes)
{
    struct reading *reading = context;
    for (size_t n = 0; n < bytes.size; n++, reading->at++)
        if (((const char *)bytes.data)[n] != byte_at(reading->stream, reading->at))
            return 1;
    return 0;
}

static void output_comes_back_as_it_was(void)
{
    static const size_t sizes[] = {0, 1, 4096, 65535, 65536, 65537, 300000, 3000000};
    struct capture captures[COUNT_OF(sizes)][8] = {0};
    struct spool *spool = spool_new(scratch_place(ANYWHERE));
    for (int round = 0; round < 2; round++) {
        for (size_t c = 0; c < 8; c++) {
            for (size_t s = 0; s < COUNT_OF(sizes); s++) {
                for (size_t at = 0; at < sizes[s];) {
                    char part[1009];
                    size_t size = 0;
                    for (; size < sizeof part && at < sizes[s]; size++, at++)
                        part[size] = byte_at(s + c, at);
                    assert_int_equal(capture_append(&captures[s][c], spool, part, size), 0);
                }
                assert_int_equal(capture_settle(&captures[s][c], spool), 0);
            }
        }
        for (size_t c = 0; c < 8; c++) {
            for (size_t s = 0; s < COUNT_OF(sizes); s++) {
                struct reading reading = {.stream = s + c};
                assert_int_equal(capture_each(&captures[s][c], spool, compare, &reading), 0);
                assert_int_equal(reading.at, sizes[s]);
                assert_int_equal(captures[s][c].size, sizes[s]);
                capture_release(&captures[s][c], spool);
            }
        }
    }
    spool_free(spool);
}

static void a_folder_that_cannot_be_written_is_an_error(void)
{
    static char bytes[100000];
    struct spool *spool = spool_new("/proc");
    struct capture capture = {0};
    assert_true(capture_append(&capture, spool, bytes, sizeof bytes) < 0);
    capture_release(&capture, spool);
    spool_free(spool);
}

static struct job *numbered(uint64_t number)
{
    const struct row row = {.number = number};
    return job_new((struct ovl_bytes){&row, sizeof row});
}

static void jobs_are_taken_in_order(void)
{
    static const uint64_t numbers[] = {3, 2, 500, 1, 4, 6};
    struct order *order = order_new();
    struct spool *spool = spool_new(scratch_place(ANYWHERE));
    assert_null(order_take(order));
    for (size_t n = 0; n < COUNT_OF(numbers); n++)
        assert_int_equal(order_put(order, numbered(numbers[n])), 0);
    for (uint64_t number = 1; number <= 4; number++) {
        struct job *job = order_take(order);
        assert_int_equal(job->row->number, number);
        job_free(job, spool);
    }
    assert_null(order_take(order));
    assert_int_equal(order_count(order), 2);
    struct job *job = order_pop(order);
    assert_int_equal(job->row->number, 6);
    job_free(job, spool);
    job = order_pop(order);
    assert_int_equal(job->row->number, 500);
    job_free(job, spool);
    assert_null(order_pop(order));
    order_free(order);
    spool_free(spool);
}

static void the_median_is_within_five_percent(void)
{
    static struct median median;
    assert_int_equal(median_of(&median), 0);
    for (ovl_time n = 1; n <= 1001; n++)
        median_add(&median, n * OVL_MILLISECOND);
    ovl_time found = median_of(&median);
    assert_true(found > 475 * OVL_MILLISECOND && found < 527 * OVL_MILLISECOND);
    static struct median other;
    median_add(&other, INT64_MAX);
    median_add(&other, 0);
    median_add(&other, 0);
    assert_int_equal(median_of(&other), 0);
}

struct halt_example {
    const char *rule;
    struct halt_counts counts;
    bool due;
};

static void halts_are_due_when_they_are(void)
{
    static const struct halt_example examples[] = {
        {"never", {.failed = 9, .total = 9}, false},
        {"now,fail=1", {.done = 5, .failed = 0, .total = 9}, false},
        {"now,fail=1", {.failed = 1, .total = -1}, true},
        {"soon,success=2", {.done = 1, .failed = 7, .total = 9}, false},
        {"soon,success=2", {.done = 2, .total = 9}, true},
        {"soon,done=3", {.done = 1, .failed = 2, .total = 9}, true},
        {"now,fail=50%", {.failed = 4, .total = 9}, false},
        {"now,fail=50%", {.failed = 5, .total = 9}, true},
        {"now,fail=50%", {.failed = 2, .total = -1}, false},
        {"now,fail=50%", {.failed = 2, .done = 1, .total = -1}, true},
        {"2", {.failed = 1, .total = 9}, true},
        {"0", {.failed = 1, .total = 9}, false},
    };
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        struct halt_rule rule;
        assert_int_equal(halt_take(&rule, examples[n].rule), 0);
        if (halt_is_due(&rule, &examples[n].counts) != examples[n].due)
            fail_msg("example %zu: %s", n, examples[n].rule);
    }
}

static void text_is_json_base64_and_a_shells(void)
{
    static const struct {
        const char *text;
        size_t size;
        const char *json;
        const char *base64;
        const char *quoted;
    } rows[] = {
        {"", 0, "\"\"", "", "''"},
        {"a", 1, "\"a\"", "YQ==", "a"},
        {"ab", 2, "\"ab\"", "YWI=", "ab"},
        {"a b", 3, "\"a b\"", "YSBi", "'a b'"},
        {"\"\\\n\x01", 4, "\"\\\"\\\\\\n\\u0001\"", "IlwKAQ==", "'\"\\\n\x01'"},
        {"\xc3\xa9\xff", 3, "\"\xc3\xa9\xef\xbf\xbd\"", "w6n/", "'\xc3\xa9\xff'"},
        {"it's", 4, "\"it's\"", "aXQncw==", "'it'\\''s'"},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        struct ovl_bytes bytes = {rows[n].text, rows[n].size};
        const char *wanted[] = {rows[n].json, rows[n].base64, rows[n].quoted};
        for (int form = 0; form < 3; form++) {
            struct text text = {0};
            if (form == 0)
                text_add_json(&text, bytes);
            else if (form == 1)
                text_add_base64(&text, bytes);
            else
                text_add_quoted(&text, bytes);
            char *made = text_take(&text);
            assert_string_equal(made, wanted[form]);
            free(made);
        }
    }
}

static const struct test_case cases[] = {
    TEST_CASE(output_comes_back_as_it_was), TEST_CASE(a_folder_that_cannot_be_written_is_an_error),
    TEST_CASE(jobs_are_taken_in_order),     TEST_CASE(the_median_is_within_five_percent),
    TEST_CASE(halts_are_due_when_they_are), TEST_CASE(text_is_json_base64_and_a_shells),
};

int main(int argc, char **argv)
{
    return run_cases("parts", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                 : EXIT_SUCCESS;
}
