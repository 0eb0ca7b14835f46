#include "nearest.h"

#include <stdio.h>
#include <string.h>

/* Longer words are not compared: nobody mistypes one. */
#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment), a row of the matrix per
 * letter. */
static size_t distance(const char *from, size_t from_length, const char *to, size_t to_length)
{
    size_t rows[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t j = 0; j <= to_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= from_length; i++) {
        rows[i][0] = i;
        for (size_t j = 1; j <= to_length; j++) {
            size_t change = rows[i - 1][j - 1] + (from[i - 1] != to[j - 1]);
            rows[i][j] = least(change, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[from_length][to_length];
}

const char *nearest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    if (length < 2 || length > WORD_MAX)
        return NULL;

    const char *best = NULL;
    size_t best_distance = least(3, length / 3 + 1) + 1;
    for (size_t n = 0; n < count; n++) {
        size_t other = strlen(words[n]);
        if (other > WORD_MAX)
            continue;
        size_t apart =
            strncmp(word, words[n], length) == 0 ? 1 : distance(word, length, words[n], other);
        if (apart < best_distance) {
            best = words[n];
            best_distance = apart;
        }
    }
    return best;
}

void nearest_hint(const char *word, const char *const *words, size_t count,
                  char buffer[NEAREST_HINT_BYTES])
{
    const char *near = nearest(word, words, count);
    if (near)
        snprintf(buffer, NEAREST_HINT_BYTES, " (did you mean '%s'?)", near);
    else
        buffer[0] = '\0';
}
