/* fetch's display on a terminal: no line is wider than that, and URLs keep the end that tells them
 * apart. */
#include "fetch/display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* which wants those above before it */

#define HOST "http://archive.example.org/a/rather/long/path/that/all/of/them/have/in/common/"

static const char *url;

static const char *url_of(void *context, uint64_t index)
{
    (void)context, (void)index;
    return url;
}

/* What a terminal of so many columns is given of this state, where one transfer runs. */
static char *shown(unsigned width, struct display_state state)
{
    static char text[4096];
    int ends[2], before = dup(STDERR_FILENO);
    struct board *board = board_new(1, 0);
    assert_non_null(board);
    assert_int_equal(pipe(ends), 0);
    board->slots[0].item = 1;
    board->slots[0].begun = 1;
    board->slots[0].bytes = 5 << 20;
    board->slots[0].total = 20 << 20;
    struct display display = {.redrawn = true,
                              .terminal = {.present = true, .width = width},
                              .board = board,
                              .rate = 99.9 * (1 << 20),
                              .item_rate = 100};
    state.now = 100 * OVL_SECOND;
    display.last = state.now;
    dup2(ends[1], STDERR_FILENO);
    display_update(&display, &state, url_of, NULL);
    dup2(before, STDERR_FILENO);
    close(ends[1]);
    close(before);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    assert_true(size > 0);
    text[size] = '\0';
    close(ends[0]);
    board_free(board);
    /* What takes away a status that was there before is not a part of it. */
    char *drawn = strrchr(text, '\033');
    return drawn ? drawn + 3 : text;
}

static const struct display_state many = {
    .ended = 654321,
    .failed = 12345,
    .known = 1000000,
    .all_known = true,
    .bytes = UINT64_C(999) << 30,
};

static void no_line_is_wider_than_the_terminal(void **unused)
{
    (void)unused;
    url = HOST "n\303\251.iso";
    for (unsigned width = 20; width <= 160; width++) {
        char *rest = shown(width, many);
        for (const char *line; (line = strsep(&rest, "\n"));)
            assert_true(strlen(line) < width);
    }
}

static void all_is_told_where_there_is_room(void **unused)
{
    (void)unused;
    url = "http://h/";
    const char *text = shown(80, many);
    assert_non_null(strstr(text, "654321 of 1000000, 12345 failed  999 GB  99.9 MB/s"));
    assert_non_null(strstr(text, "left\n"));
    assert_non_null(strchr(shown(120, many), '#'));
}

static void a_url_keeps_its_end(void **unused)
{
    (void)unused;
    url = HOST "disk-7.iso";
    assert_non_null(strstr(shown(160, many), url));
    assert_non_null(strstr(shown(60, many), "  5.00 MB of 20.0 MB  ..."));
    assert_non_null(strstr(shown(60, many), "/disk-7.iso"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(all_is_told_where_there_is_room),
        cmocka_unit_test(a_url_keeps_its_end),
    };
    return cmocka_run_group_tests_name("fetch_display", tests, NULL, NULL);
}
