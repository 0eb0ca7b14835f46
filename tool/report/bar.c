#include "report/bar.h"

#include <string.h>

/* One to seven eighths of a column, from the left; the eighth is the whole. */
static const char *const eighths[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

size_t bar_text(double fraction, size_t width, bool utf8, char *buffer)
{
    size_t parts = utf8 ? 8 : 1;
    if (!(fraction > 0)) {
        *buffer = '\0';
        return 0;
    }
    if (fraction > 1)
        fraction = 1;
    size_t units = (size_t)(fraction * (double)(width * parts) + 0.5);
    if (units == 0)
        units = 1;

    size_t columns = 0;
    for (; units > 0; columns++) {
        size_t part = units < parts ? units : parts;
        const char *character = utf8 ? eighths[part - 1] : "#";
        buffer = stpcpy(buffer, character);
        units -= part;
    }
    return columns;
}
