#include "fetch/glob.h"

#include "fetch/bytes.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 64

/* A stretch of the text: as it is, or one of several. */
struct piece {
    enum { PIECE_TEXT, PIECE_SET, PIECE_NUMBERS, PIECE_LETTERS } kind;
    const char *text; /* in the glob's copy; of a set its words, each with a NUL */
    uint64_t first;
    uint64_t step;
    uint64_t count; /* of values; 1 for text */
    int width;      /* of numbers, with zeros in front */
    uint64_t now;   /* which value is next */
};

struct glob {
    char *copy;
    struct piece pieces[PIECES_MAX];
    size_t count;
    bool ended;
};

void glob_free(struct glob *glob)
{
    if (!glob)
        return;
    free(glob->copy);
    free(glob);
}

/* {a,b}: `text` is behind the brace, and is cut into words. Returns what follows, or NULL. */
static char *read_set(char *text, struct piece *piece)
{
    *piece = (struct piece){.kind = PIECE_SET, .text = text, .count = 1};
    for (char *at = text;; at++) {
        if (!*at || *at == '{')
            return NULL;
        if (*at == ',' || *at == '}') {
            bool last = *at == '}';
            *at = '\0';
            if (last)
                return at + 1;
            piece->count++;
        }
    }
}

static char *read_step(char *at, uint64_t *ret_step)
{
    *ret_step = 1;
    if (*at == ':')
        *ret_step = strtoull(at + 1, &at, 10);
    return *at == ']' && *ret_step > 0 ? at + 1 : NULL;
}

/* [1-9], [a-z]: `text` is behind the bracket. */
static char *read_range(char *text, struct piece *piece)
{
    char *at = text;
    uint64_t last;
    if (isdigit((unsigned char)*text)) {
        piece->kind = PIECE_NUMBERS;
        piece->first = strtoull(text, &at, 10);
        piece->width = *text == '0' ? (int)(at - text) : 0;
        if (*at != '-' || !isdigit((unsigned char)at[1]) || at - text > 18)
            return NULL;
        char *number = at + 1;
        last = strtoull(number, &at, 10);
        if (at - number > 18)
            return NULL;
    } else {
        piece->kind = PIECE_LETTERS;
        if (!isalpha((unsigned char)text[0]) || text[1] != '-' || !isalpha((unsigned char)text[2]))
            return NULL;
        piece->first = (unsigned char)text[0];
        last = (unsigned char)text[2];
        at = text + 3;
    }
    at = read_step(at, &piece->step);
    if (!at || last < piece->first)
        return NULL;
    piece->count = (last - piece->first) / piece->step + 1;
    return at;
}

/* Whether a '[' begins an address of IPv6, which is no glob. */
static bool is_address(const char *copy, const char *bracket)
{
    return bracket - copy >= 2 && bracket[-1] == '/' && bracket[-2] == '/' &&
           strspn(bracket + 1, "0123456789abcdefABCDEF:.%") == strcspn(bracket + 1, "]");
}

static const char *cut(struct glob *glob)
{
    uint64_t urls = 1;
    char *at = glob->copy;
    while (*at) {
        if (glob->count + 2 > PIECES_MAX)
            return "it has too many braces and brackets";
        char *text = at;
        while (*at && *at != '{' && (*at != '[' || is_address(glob->copy, at)))
            at++;
        char opened = *at;
        if (at > text)
            glob->pieces[glob->count++] =
                (struct piece){.kind = PIECE_TEXT, .text = text, .count = 1};
        if (!opened)
            break;
        *at++ = '\0';
        struct piece *piece = &glob->pieces[glob->count++];
        *piece = (struct piece){.step = 1};
        at = opened == '{' ? read_set(at, piece) : read_range(at, piece);
        if (!at)
            return opened == '{' ? "a brace is not closed; write {a,b}"
                                 : "a range is wrong; write [1-9], [001-100:10] or [a-z]";
        if (piece->count > GLOB_URLS_MAX || (urls *= piece->count) > GLOB_URLS_MAX)
            return "it stands for more than 10,000,000 URLs";
    }
    return NULL;
}

const char *glob_open(const char *text, struct glob **ret_glob)
{
    struct glob *glob = calloc(1, sizeof *glob);
    char *copy = strdup(text);
    if (!glob || !copy) {
        free(glob);
        free(copy);
        return "there is no memory";
    }
    glob->copy = copy;
    const char *fault = cut(glob);
    if (fault)
        glob_free(glob);
    else
        *ret_glob = glob;
    return fault;
}

static void add_value(struct block *block, const struct piece *piece)
{
    uint64_t number = piece->first + piece->now * piece->step;
    const char *word = piece->text;
    switch (piece->kind) {
    case PIECE_TEXT:
        block_print(block, "%s", piece->text);
        return;
    case PIECE_SET:
        for (uint64_t n = 0; n < piece->now; n++)
            word += strlen(word) + 1;
        block_print(block, "%s", word);
        return;
    case PIECE_NUMBERS:
        block_print(block, "%0*" PRIu64, piece->width, number);
        return;
    default:
        block_print(block, "%c", (int)number);
    }
}

bool glob_next(struct glob *glob, char **ret_url)
{
    struct block block = {0};
    if (glob->ended)
        return false;
    block_print(&block, "%s", "");
    for (size_t n = 0; n < glob->count; n++)
        add_value(&block, &glob->pieces[n]);
    if (block.failed)
        block_release(&block);
    *ret_url = block.data;

    /* The last one turns fastest. */
    size_t n = glob->count;
    while (n-- > 0) {
        if (++glob->pieces[n].now < glob->pieces[n].count)
            return true;
        glob->pieces[n].now = 0;
    }
    glob->ended = true;
    return true;
}
