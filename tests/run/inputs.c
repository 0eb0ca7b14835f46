/* Rows made of sources: combined, linked, gathered, split. */
#include "run/inputs.h"

#include "support/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All rows, fields between bars, a semicolon behind each. */
static void assert_rows(struct inputs *inputs, const char *wanted)
{
    char made[1024] = "";
    struct ovl_bytes bytes;
    uint64_t number = 0;
    int result;
    assert_int_equal(inputs_begin(inputs), 0);
    while ((result = inputs_next(inputs, true, &bytes)) == 1) {
        const struct row *row = bytes.data;
        assert_int_equal(row->number, ++number);
        for (size_t n = 0; n < row->count; n++) {
            struct ovl_bytes field = row_field(row, n);
            size_t used = strlen(made);
            snprintf(made + used, sizeof made - used, "%s%.*s", n ? "|" : "", (int)field.size,
                     (const char *)field.data);
        }
        strcat(made, ";");
    }
    assert_int_equal(result, 0);
    assert_string_equal(made, wanted);
    inputs_free(inputs);
}

static struct source *list(const char *text)
{
    static char copies[8][64];
    static char *words[8][16];
    static int next;
    int at = next++ % 8;
    size_t count = 0;
    snprintf(copies[at], sizeof copies[at], "%s", text);
    for (char *word = strtok(copies[at], " "); word; word = strtok(NULL, " "))
        words[at][count++] = word;
    return source_words(words[at], count);
}

static struct inputs *with(const struct inputs_options *options, const char *const *lists,
                           unsigned linked)
{
    static const struct inputs_options none;
    struct inputs *inputs = inputs_new(options ? options : &none);
    for (size_t n = 0; lists[n]; n++)
        assert_int_equal(inputs_add(inputs, list(lists[n]), linked >> n & 1), 0);
    return inputs;
}

static void sources_are_combined(void)
{
    assert_rows(with(NULL, (const char *[]){"a b", NULL}, 0), "a;b;");
    assert_rows(with(NULL, (const char *[]){"a b", "1 2", "x", NULL}, 0),
                "a|1|x;a|2|x;b|1|x;b|2|x;");
    assert_rows(with(NULL, (const char *[]){"a b", "", NULL}, 0), "");
    assert_rows(with(NULL, (const char *[]){"", "a b", NULL}, 0), "");
}

static void sources_are_linked(void)
{
    assert_rows(with(NULL, (const char *[]){"a b c", "1 2", NULL}, 2), "a|1;b|2;");
    assert_rows(with(NULL, (const char *[]){"a b", "1 2", "x y", NULL}, 2),
                "a|1|x;a|1|y;b|2|x;b|2|y;");
    assert_rows(with(NULL, (const char *[]){"a b", "1 2", "x y z", NULL}, 4),
                "a|1|x;a|2|y;b|1|x;b|2|y;");
    const struct inputs_options wrap = {.wrap = true};
    assert_rows(with(&wrap, (const char *[]){"a b c", "1 2", NULL}, 2), "a|1;b|2;c|1;");
    assert_rows(with(&wrap, (const char *[]){"a b c", "", NULL}, 2), "");
}

static void items_are_gathered(void)
{
    const struct inputs_options three = {.per_job = 3};
    assert_rows(with(&three, (const char *[]){"a b c d", NULL}, 0), "a|b|c;d;");
    const struct inputs_options bytes = {.per_job = 100, .bytes_per_job = 6};
    assert_rows(with(&bytes, (const char *[]){"aa bb cc dddddddddd e", NULL}, 0),
                "aa|bb;cc;dddddddddd;e;");
    assert_rows(with(&three, (const char *[]){"a b", "1 2", NULL}, 0), "a|1|a|2|b|1;b|2;");
}

static void totals_are_known_where_they_can_be(void)
{
    struct inputs *inputs = with(NULL, (const char *[]){"a b", "1 2 3", NULL}, 0);
    inputs_begin(inputs);
    assert_int_equal(inputs_total(inputs), 6);
    inputs_free(inputs);
    const struct inputs_options two = {.per_job = 2};
    inputs = with(&two, (const char *[]){"a b c", NULL}, 0);
    inputs_begin(inputs);
    assert_int_equal(inputs_total(inputs), 2);
    inputs_free(inputs);
}

static void assert_split(const char *separator, bool csv, const char *record, const char *wanted)
{
    char made[256] = "";
    struct columns *columns = columns_new(separator, csv);
    struct row_builder builder = {0};
    struct ovl_bytes bytes;
    assert_non_null(columns);
    assert_int_equal(columns_split(columns, (struct ovl_bytes){record, strlen(record)}, &builder),
                     0);
    assert_int_equal(row_builder_finish(&builder, 1, &bytes), 0);
    const struct row *row = bytes.data;
    for (size_t n = 0; n < row->count; n++) {
        struct ovl_bytes field = row_field(row, n);
        size_t used = strlen(made);
        snprintf(made + used, sizeof made - used, "[%.*s]", (int)field.size,
                 (const char *)field.data);
    }
    assert_string_equal(made, wanted);
    row_builder_release(&builder);
    columns_free(columns);
}

static void records_are_split(void)
{
    assert_split(",", false, "a,b,,c", "[a][b][][c]");
    assert_split(",", false, "", "[]");
    assert_split("\\t", false, "a\tb", "[a][b]");
    assert_split(" +", false, "a   b c", "[a][b][c]");
    assert_split("[,;]", false, "a,b;c", "[a][b][c]");
    assert_split("^a", false, "aab", "[][ab]");
    assert_split(",", true, "a,\"b,c\",\"d\"\"e\"", "[a][b,c][d\"e]");
    assert_split(",", true, "a,b\r", "[a][b]");
    assert_split(",", true, "\"\",,", "[][][]");
    assert_split(";", true, "a;\"b;c", "[a][b;c]");
}

static const struct test_case cases[] = {
    TEST_CASE(sources_are_combined), TEST_CASE(sources_are_linked),
    TEST_CASE(items_are_gathered),   TEST_CASE(totals_are_known_where_they_can_be),
    TEST_CASE(records_are_split),
};

int main(int argc, char **argv)
{
    return run_cases("inputs", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                  : EXIT_SUCCESS;
}
