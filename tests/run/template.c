/* Replacement strings, and the arguments that they make. */
#include "run/template.h"

#include "run/change.h"
#include "run/pieces.h"
#include "support/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16

/* A row of fields. */
static struct row_builder builder;

static const struct row *row_of(const char *const *fields)
{
    struct ovl_bytes row;
    row_builder_clear(&builder);
    for (; *fields; fields++)
        assert_int_equal(row_builder_add(&builder, (struct ovl_bytes){*fields, strlen(*fields)}),
                         0);
    assert_int_equal(row_builder_finish(&builder, 7, &row), 0);
    return row.data;
}

struct example {
    const char *words[WORDS_MAX];
    const char *fields[WORDS_MAX];
    const char *made[WORDS_MAX];
    struct template_options options;
};

static const struct example examples[] = {
    {{"echo"}, {"a"}, {"echo", "a"}, {.append = true}},
    {{"echo"}, {"a"}, {"echo"}, {.append = false}},
    {{"echo", "{}"}, {"a b"}, {"echo", "a b"}, {.append = true}},
    {{"echo", "x{}y{}"}, {"a"}, {"echo", "xaya"}, {.append = true}},
    {{"echo", "{}"}, {"a", "b"}, {"echo", "a", "b"}, {.append = true}},
    {{"echo", "-{}-"}, {"a", "b"}, {"echo", "-a b-"}, {.append = true}},
    {{"echo", "-{}-"}, {"a", "b"}, {"echo", "-a-", "-b-"}, {.repeat_context = true}},
    {{"echo", "{.}"}, {"a.b", "c.d"}, {"echo", "a", "c"}, {0}},
    {{"{2}", "{1}", "{-1}", "{3}", "{-9}"}, {"a", "b"}, {"b", "a", "b", "", ""}, {0}},
    {{"{1.}{2/}"}, {"a.b", "/c/d"}, {"ad"}, {0}},
    {{"{#}", "{%}", "{##}"}, {"a"}, {"7", "3", "9"}, {.append = true}},
    {{"{", "}", "{x}", "{1", "{}}", "{0}"}, {"a"}, {"{", "}", "{x}", "{1", "a}", "{0}"}, {0}},
    {{"{}", "@"}, {"a"}, {"{}", "a"}, {.replace = "@"}},
    {{"{.}", "{}"}, {"a.b"}, {"a", "{}"}, {.replace = "@"}},
    {{""}, {"a"}, {"", "a"}, {.append = true}},
    {{"{..}", "{2+.}", "{:-x}"}, {"a.b.c", "d.e"}, {"{..}", "{2+.}", "{:-x}"}, {0}},
    {{"{1..}", "{2+.}", "{3:-x}", "{1%.c}"},
     {"a.b.c", "d.e"},
     {"a", "e", "x", "a.b"},
     {.plus = true}},
    {{"{#}", "{%}", "{##}", "{#a}"}, {"ab"}, {"7", "3", "9", "b"}, {.plus = true}},
};

static void words_become_arguments(void)
{
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        const struct example *example = &examples[n];
        size_t count = 0;
        while (example->words[count])
            count++;
        struct template *template =
            template_new(&example->options, (char *const *)example->words, count);
        assert_non_null(template);
        const struct template_job job = {.row = row_of(example->fields), .slot = 3, .total = 9};
        struct arguments arguments;
        assert_int_equal(template_render(template, &job, &arguments), TEMPLATE_OK);
        for (size_t w = 0; w <= arguments.count; w++) {
            const char *made = example->made[w];
            const char *word = arguments.words[w];
            if (!made != !word || (made && strcmp(made, word)))
                fail_msg("example %zu, word %zu: '%s', not '%s'", n, w, word ? word : "(none)",
                         made ? made : "(none)");
        }
        arguments_release(&arguments);
        template_free(template);
    }
    row_builder_release(&builder);
}

struct change_example {
    const char *field;
    const char *made[5]; /* by the strings below */
};

static void expect_change(const char *string, bool plus, const char *text, const char *wanted)
{
    struct change change;
    assert_true(change_read(string, strlen(string), plus, &change));
    struct ovl_bytes made = change_apply(&change, (struct ovl_bytes){text, strlen(text)});
    if (made.size != strlen(wanted) || memcmp(made.data, wanted, made.size))
        fail_msg("'%s', {%s}: '%.*s', not '%s'", text, string, (int)made.size,
                 (const char *)made.data, wanted);
}

static void fields_are_changed_as_paths_are(void)
{
    static const char *const strings[] = {"", ".", "/", "//", "/."};
    static const struct change_example changes[] = {
        {"a.b", {"a.b", "a", "a.b", ".", "a"}},
        {"/x/y.tar.gz", {"/x/y.tar.gz", "/x/y.tar", "y.tar.gz", "/x", "y.tar"}},
        {"x/", {"x/", "x/", "", ".", ""}},
        {"/", {"/", "/", "", "/", ""}},
        {"//", {"//", "//", "", "/", ""}},
        {"/a", {"/a", "/a", "a", "/", "a"}},
        {"a.d/b", {"a.d/b", "a.d/b", "b", "a.d", "b"}},
        {".x", {".x", "", ".x", ".", ""}},
        {"", {"", "", "", ".", ""}},
        {"a//b", {"a//b", "a//b", "b", "a", "b"}},
    };
    for (size_t n = 0; n < COUNT_OF(changes); n++)
        for (size_t c = 0; c < COUNT_OF(strings); c++)
            expect_change(strings[c], false, changes[n].field, changes[n].made[c]);
}

/* A string, a field, and what is made of it. */
static const char *const plus_examples[][3] = {
    {"..", "a.b.c.d", "a.b"},
    {"...", "a.b.c.d", "a"},
    {"...", "a.b", "a.b"},
    {"..", "x.y/a", "x.y/a"},
    {"/..", "/x.y/a.b.c", "a"},
    {"/...", "/x/a.b", "a.b"},
    {"+/", "/x/y.z", "/x"},
    {"+/", "y.z", ""},
    {"+/", "/y", ""},
    {"+.", "a.b.c", "c"},
    {"+.", "a", ""},
    {"+.", "x.y/a", ""},
    {"+..", "a.b.c", "b.c"},
    {"+..", "a.b", ""},
    {"+...", "a.b.c.d", "b.c.d"},
    {":-none", "", "none"},
    {":-none", "a", "a"},
    {":-:", "", ":"},
    {":1", "abc", "bc"},
    {":3", "abc", ""},
    {":9", "abc", ""},
    {":0:2", "abc", "ab"},
    {":1:1", "abc", "b"},
    {":1:9", "abc", "bc"},
    {":1:0", "abc", ""},
    {":1:1", "\xc3\xa9\xc3\xa8z", "\xc3\xa8"},
    {":1:1", "\xff\xfe", "\xfe"},
    {":99999999999999999999", "a", ""},
    {"#ab", "abc", "c"},
    {"#b", "abc", "abc"},
    {"#abcd", "abc", "abc"},
    {"%bc", "abc", "a"},
    {"%b", "abc", "abc"},
    {"%.gz", "a.tar.gz", "a.tar"},
    {"%%", "5%", "5"},
    {"%abc", "abc", ""},
};

static void fields_are_changed_in_more_ways_with_plus(void)
{
    static const char *const none[] = {"....", "+",    "+....", ":", ":-", ":x", ":1x",
                                       ":1:",  ":1:x", ":1:2:", "#", "%",  "^a", "/a/b"};
    struct change change;
    for (size_t n = 0; n < COUNT_OF(plus_examples); n++) {
        const char *const *example = plus_examples[n];
        expect_change(example[0], true, example[1], example[2]);
        assert_false(change_read(example[0], strlen(example[0]), false, &change));
    }
    for (size_t n = 0; n < COUNT_OF(none); n++)
        assert_false(change_read(none[n], strlen(none[n]), true, &change));
}

/* No byte of an item is in the text that a shell reads, wherever its string stands. */
static void a_shell_reads_no_item(void)
{
    char *words[] = {"echo {} \"{}\" '{}' \"$(echo {})\"", "{.}"};
    const char *fields[] = {"XYZZY", NULL};
    const struct template_options options = {.shell = true, .append = true};
    struct template *template = template_new(&options, words, 2);
    const struct template_job job = {.row = row_of(fields), .slot = 1, .total = -1};
    struct arguments arguments;
    assert_int_equal(template_render(template, &job, &arguments), TEMPLATE_OK);
    assert_int_equal(arguments.count, 3);
    assert_null(strstr(arguments.words[2], "XYZZY"));
    assert_int_equal(arguments.variable_count, 5);
    for (size_t n = 0; n < 5; n++)
        assert_non_null(strstr(arguments.variables[n], "=XYZZY"));
    arguments_release(&arguments);
    template_free(template);
    row_builder_release(&builder);
}

static void fields_have_the_names_of_the_header(void)
{
    char *words[] = {"{name}", "{name/.}", "{2nd}", "{1}", "{other}", "{na}", "{b.b.}"};
    const char *header[] = {"name", "", "2nd", "b.b", NULL};
    const char *fields[] = {"/x/y.z", "e", "two", "c.d", NULL};
    const char *made[] = {"/x/y.z", "y", "two", "/x/y.z", "{other}", "{na}", "c"};
    const struct template_options options = {.names = row_of(header)};
    struct template *template = template_new(&options, words, COUNT_OF(words));
    const struct template_job job = {.row = row_of(fields), .slot = 1, .total = -1};
    struct arguments arguments;
    assert_int_equal(template_render(template, &job, &arguments), TEMPLATE_OK);
    for (size_t n = 0; n < COUNT_OF(made); n++)
        assert_string_equal(arguments.words[n], made[n]);
    arguments_release(&arguments);
    template_free(template);
    row_builder_release(&builder);
}

static void an_item_with_a_zero_byte_is_refused(void)
{
    char *words[] = {"echo"};
    const struct template_options options = {.append = true};
    struct template *template = template_new(&options, words, 1);
    struct ovl_bytes row;
    row_builder_clear(&builder);
    row_builder_add(&builder, (struct ovl_bytes){"a\0b", 3});
    row_builder_finish(&builder, 1, &row);
    struct arguments arguments;
    const struct template_job job = {.row = row.data, .slot = 1, .total = -1};
    assert_int_equal(template_render(template, &job, &arguments), TEMPLATE_ZERO_BYTE);
    template_free(template);
    row_builder_release(&builder);
}

static void commands_are_told_as_people_type_them(void)
{
    char *words[] = {"echo", "{}", "it's {}"};
    const char *fields[] = {"a b", NULL};
    const struct template_options options = {.append = true};
    struct template *template = template_new(&options, words, 3);
    const struct template_job job = {.row = row_of(fields), .slot = 1, .total = -1};
    char *command = template_command(template, &job);
    assert_string_equal(command, "echo 'a b' 'it'\\''s a b'");
    free(command);
    char *text = template_text(template);
    assert_string_equal(text, "echo {} 'it'\\''s {}'");
    free(text);
    template_free(template);
    row_builder_release(&builder);
}

static const struct test_case cases[] = {
    TEST_CASE(words_become_arguments),
    TEST_CASE(fields_are_changed_as_paths_are),
    TEST_CASE(fields_are_changed_in_more_ways_with_plus),
    TEST_CASE(a_shell_reads_no_item),
    TEST_CASE(fields_have_the_names_of_the_header),
    TEST_CASE(an_item_with_a_zero_byte_is_refused),
    TEST_CASE(commands_are_told_as_people_type_them),
};

int main(int argc, char **argv)
{
    return run_cases("template", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                    : EXIT_SUCCESS;
}
