/*
 * Templates of `overlap run`: the input is a template, a zero byte, and an item. Whatever they are,
 * a shell is given no byte of the item as text, and a program is given each word whole.
 */
#include "fuzz.h"

#include "run/template.h"

#include <stdlib.h>
#include <string.h>

/* In a template no such bytes are, so that their place in the script is the item's. */
static const char mark[] = "\x01\x02mark\x02\x01";

static void render(const struct template *template, const struct row *row, bool shell, bool marked)
{
    const struct template_job job = {.row = row, .slot = 3, .total = 17};
    struct arguments arguments;
    char *command = template_command(template, &job);
    char *text = template_text(template);
    if (!command || !text)
        abort();
    enum template_error error = template_render(template, &job, &arguments);
    if (error == TEMPLATE_NO_MEMORY)
        abort();
    if (!error && shell && marked && strstr(arguments.words[2], mark))
        abort();
    if (!error)
        arguments_release(&arguments);
    free(command);
    free(text);
}

static void play(char *words, struct ovl_bytes item, bool shell, bool marked)
{
    const struct template_options options = {
        .shell = shell, .append = true, .repeat_context = item.size & 1, .plus = item.size & 2};
    struct row_builder builder = {0};
    struct ovl_bytes row;
    char *list[] = {words, words};
    struct template *template = template_new(&options, list, 2);
    if (!template || row_builder_add(&builder, item) || row_builder_add(&builder, item) ||
        row_builder_finish(&builder, 5, &row))
        abort();
    render(template, row.data, shell, marked);
    row_builder_release(&builder);
    template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = malloc(size + 1);
    if (!words)
        return 0;
    memcpy(words, data, size);
    words[size] = '\0';
    size_t length = strlen(words);
    struct ovl_bytes item = {words + length, size - length};
    play(words, item, false, false);
    play(words, item, true, false);
    if (!strchr(words, 1))
        play(words, (struct ovl_bytes){mark, sizeof mark - 1}, true, true);
    free(words);
    return 0;
}
