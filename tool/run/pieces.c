#include "run/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum piece_kind kind;
} counters[] = {{"#", PIECE_NUMBER}, {"%", PIECE_SLOT}, {"##", PIECE_TOTAL}};

/* A position such as 12 or -1, from `text` up to `end`. Returns how many bytes it takes. */
static size_t read_position(const char *text, const char *end, int *ret_position)
{
    const char *at = text;
    bool negative = at < end && *at == '-';
    int position = 0;
    at += negative;
    const char *digits = at;
    while (at < end && *at >= '0' && *at <= '9' && position < 100000)
        position = 10 * position + (*at++ - '0');
    if (at == digits || !position)
        return 0;
    *ret_position = negative ? -position : position;
    return (size_t)(at - text);
}

/* Reads a field's name, and what is to be made of the field. False: no field is called so. */
static bool read_name(const char *text, size_t size, const struct pieces_options *options,
                      struct piece *ret_piece)
{
    const struct row *names = options->names;
    for (size_t n = 0; names && n < names->count; n++) {
        struct ovl_bytes name = row_field(names, n);
        if (!name.size || name.size > size || memcmp(name.data, text, name.size) != 0 ||
            !change_read(text + name.size, size - name.size, options->plus, &ret_piece->change))
            continue;
        ret_piece->kind = PIECE_FIELD;
        ret_piece->position = (int)n + 1;
        return true;
    }
    return false;
}

/* Reads what stands between braces. False: it is no replacement string. */
static bool read_braces(const char *text, const char *end, const struct pieces_options *options,
                        struct piece *ret_piece)
{
    size_t size = (size_t)(end - text);
    for (size_t n = 0; n < sizeof counters / sizeof *counters; n++) {
        if (strlen(counters[n].text) == size && memcmp(text, counters[n].text, size) == 0) {
            ret_piece->kind = counters[n].kind;
            return true;
        }
    }
    ret_piece->kind = PIECE_FIELD;
    ret_piece->position = 0;
    const char *change = text + read_position(text, end, &ret_piece->position);
    return change_read(change, (size_t)(end - change), options->plus, &ret_piece->change) ||
           read_name(text, size, options, ret_piece);
}

/* A replacement string at the beginning of `text`; its length, or 0. */
static size_t read_replacement(const char *text, const struct pieces_options *options,
                               struct piece *ret_piece)
{
    const char *replace = options->replace;
    *ret_piece = (struct piece){0};
    size_t size = strlen(replace);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it ends at the zero byte of either. */
    if (size && strncmp(text, replace, size) == 0) {
        ret_piece->kind = PIECE_FIELD;
    } else {
        const char *end = text[0] == '{' ? strchr(text, '}') : NULL;
        /* What stands for {} is another: then {} is text. */
        if (!end || end == text + 1 || !read_braces(text + 1, end, options, ret_piece))
            return 0;
        size = (size_t)(end - text) + 1;
    }
    ret_piece->text = (struct ovl_bytes){text, size};
    return size;
}

static int add(struct pieces *pieces, const struct piece *piece)
{
    struct piece *list = realloc(pieces->list, (pieces->count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    pieces->list = list;
    pieces->list[pieces->count++] = *piece;
    return 0;
}

static int add_text(struct pieces *pieces, const char *text, size_t size)
{
    const struct piece piece = {.kind = PIECE_TEXT, .text = {text, size}};
    return size ? add(pieces, &piece) : 0;
}

int pieces_cut(const char *word, const struct pieces_options *options, struct pieces *ret_pieces)
{
    struct pieces pieces = {0};
    const char *text = word;
    int error = 0;
    while (*word && !error) {
        struct piece piece;
        size_t size = read_replacement(word, options, &piece);
        if (!size) {
            word++;
            continue;
        }
        error = add_text(&pieces, text, (size_t)(word - text)) || add(&pieces, &piece);
        word += size;
        text = word;
    }
    if (error || add_text(&pieces, text, (size_t)(word - text))) {
        pieces_release(&pieces);
        return -ENOMEM;
    }
    *ret_pieces = pieces;
    return 0;
}

void pieces_release(struct pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct pieces){0};
}

bool pieces_have(const struct pieces *pieces, enum piece_kind least)
{
    for (size_t n = 0; n < pieces->count; n++)
        if (pieces->list[n].kind >= least)
            return true;
    return false;
}
