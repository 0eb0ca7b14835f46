#include "report/chart.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 12
#define CELLS_MAX    200

/* How a kind is drawn: in any locale, in UTF-8, and in colour. */
static const struct sign {
    const char *ascii;
    const char *utf8;
    const char *colour;
} signs[TIMELINE_KIND_COUNT] = {
    [TIMELINE_RUNNING] = {"#", "█", "34"},  [TIMELINE_NETWORK] = {".", "░", "33"},
    [TIMELINE_DISK] = {"%", "▒", "35"},     [TIMELINE_SLEEP] = {"-", "·", "90"},
    [TIMELINE_LOCK] = {"x", "×", "31"},     [TIMELINE_CHILD] = {"c", "c", "36"},
    [TIMELINE_TERMINAL] = {"t", "t", "90"}, [TIMELINE_GIL] = {"g", "g", "95"},
    [TIMELINE_QUEUE] = {"_", "_", "90"},    [TIMELINE_OTHER] = {"~", "~", "90"},
    [TIMELINE_FAILED] = {"!", "!", "91"},
};

#define IDLE TIMELINE_KIND_COUNT

static void put_sign(FILE *out, int kind, const struct terminal *terminal)
{
    if (kind == IDLE) {
        fputc(' ', out);
        return;
    }
    const struct sign *sign = &signs[kind];
    if (terminal->colour)
        fprintf(out, "\033[%sm", sign->colour);
    fputs(terminal->utf8 ? sign->utf8 : sign->ascii, out);
    if (terminal->colour)
        fputs("\033[0m", out);
}

/* What the track did most in each cell; nothing, where it did nothing in all of it. */
static void find_cells(const struct timeline_track *track, ovl_time end_ns, size_t count,
                       int *ret_cells)
{
    static _Thread_local double levels[CELLS_MAX * TIMELINE_KIND_COUNT];
    struct timeline one = {.tracks = (struct timeline_track *)track, .count = 1};
    timeline_levels(&one, end_ns, count, levels);
    for (size_t cell = 0; cell < count; cell++) {
        double most = 0;
        ret_cells[cell] = IDLE;
        for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++) {
            double level = levels[cell * TIMELINE_KIND_COUNT + (size_t)kind];
            if (level > most) {
                most = level;
                ret_cells[cell] = kind;
            }
        }
    }
}

static void put_track(FILE *out, const struct timeline_track *track, ovl_time end_ns, size_t count,
                      const struct terminal *terminal)
{
    int cells[CELLS_MAX];
    find_cells(track, end_ns, count, cells);
    while (count && cells[count - 1] == IDLE)
        count--;
    fprintf(out, "%-*.*s ", NAME_COLUMNS, NAME_COLUMNS, track->name);
    for (size_t cell = 0; cell < count; cell++)
        put_sign(out, cells[cell], terminal);
    fputc('\n', out);
}

static void put_axis(FILE *out, ovl_time end_ns, size_t count)
{
    char end[32];
    int size = snprintf(end, sizeof end, "%.3f s", (double)end_ns / (double)OVL_SECOND);
    fprintf(out, "%-*s 0%*s\n", NAME_COLUMNS, "", (int)count - 1 > size ? (int)count - 1 : size,
            end);
}

static void put_legend(FILE *out, const struct timeline *timeline, const struct terminal *terminal)
{
    ovl_time sum_ns[TIMELINE_KIND_COUNT];
    timeline_sum(timeline, sum_ns);
    fprintf(out, "%-*s", NAME_COLUMNS, "");
    for (int kind = 0; kind < TIMELINE_KIND_COUNT; kind++) {
        if (sum_ns[kind] <= 0)
            continue;
        fputc(' ', out);
        put_sign(out, kind, terminal);
        fprintf(out, " %s", timeline_kind_name((enum timeline_kind)kind));
    }
    fputc('\n', out);
}

void chart_print(FILE *out, const struct timeline *timeline, size_t lines,
                 const struct terminal *terminal)
{
    fprintf(out, "%s\n", timeline->title);
    if (!timeline->count || timeline->end_ns <= 0) {
        fputs("nothing was recorded\n", out);
        return;
    }
    size_t cells = terminal->width > NAME_COLUMNS + 11 ? terminal->width - NAME_COLUMNS - 1 : 10;
    if (cells > CELLS_MAX)
        cells = CELLS_MAX;
    size_t shown = timeline->count <= lines ? timeline->count : lines - 1;
    for (size_t n = 0; n < shown; n++)
        put_track(out, &timeline->tracks[n], timeline->end_ns, cells, terminal);
    if (shown < timeline->count)
        fprintf(out, "(and %zu more)\n", timeline->count - shown);
    put_axis(out, timeline->end_ns, cells);
    put_legend(out, timeline, terminal);
}
