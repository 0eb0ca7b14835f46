#include "report/table.h"

#include "report/bar.h"

#include <string.h>

#define GAP         2
#define BAR_MIN     6
#define BAR_MAX     40
#define BOLD        "\033[1m"
#define DIM         "\033[2m"
#define BAR_COLOUR  "\033[36m"
#define BEST_COLOUR "\033[32m"
#define PLAIN       "\033[0m"

/* How a table is laid out. */
struct layout {
    size_t widths[TABLE_COLUMNS_MAX]; /* in columns of the terminal; 0: left out */
    size_t bar;
};

/* How many columns a text takes: each byte that does not continue a character begins one. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t width = text_width(table->columns[column].title);
    for (size_t n = 0; n < table->row_count; n++) {
        size_t cell = text_width(table->rows[n].cells[column]);
        width = cell > width ? cell : width;
    }
    return width;
}

static size_t total_width(const struct table *table, const struct layout *layout)
{
    size_t total = 0;
    for (size_t n = 0; n < table->column_count; n++)
        if (layout->widths[n] > 0)
            total += layout->widths[n] + (total > 0 ? GAP : 0);
    return total;
}

/* Leaves out the column of the highest rank. False where none may be. */
static bool drop_column(const struct table *table, struct layout *layout)
{
    size_t found = table->column_count;
    for (size_t n = 0; n < table->column_count; n++)
        if (layout->widths[n] > 0 && table->columns[n].rank > 0 &&
            (found == table->column_count || table->columns[n].rank > table->columns[found].rank))
            found = n;
    if (found == table->column_count)
        return false;
    layout->widths[found] = 0;
    return true;
}

static struct layout lay_out(const struct table *table, size_t width)
{
    struct layout layout = {.bar = 0};
    for (size_t n = 0; n < table->column_count; n++)
        layout.widths[n] = column_width(table, n);
    while (total_width(table, &layout) > width && drop_column(table, &layout))
        continue;
    size_t used = total_width(table, &layout) + GAP;
    if (used + BAR_MIN <= width)
        layout.bar = width - used < BAR_MAX ? width - used : BAR_MAX;
    return layout;
}

static void print_blanks(FILE *out, size_t count)
{
    for (; count > 0; count--)
        putc(' ', out);
}

/* Prints a cell; blanks after the last one are left to what follows. */
static void print_cell(FILE *out, const char *text, size_t width, bool right)
{
    size_t blanks = width - text_width(text);
    print_blanks(out, right ? blanks : 0);
    fputs(text, out);
    print_blanks(out, right ? 0 : blanks);
}

static void print_titles(FILE *out, const struct table *table, const struct layout *layout,
                         bool colour)
{
    fputs(colour ? DIM : "", out);
    size_t printed = 0;
    for (size_t n = 0; n < table->column_count; n++) {
        if (layout->widths[n] == 0)
            continue;
        print_blanks(out, printed++ ? GAP : 0);
        print_cell(out, table->columns[n].title, layout->widths[n], table->columns[n].right);
    }
    fputs(colour ? PLAIN "\n" : "\n", out);
}

static void print_row(FILE *out, const struct table *table, const struct layout *layout,
                      const struct table_row *row, const struct terminal *terminal)
{
    bool bold = terminal->colour && row->best;
    fputs(bold ? BOLD : "", out);
    size_t printed = 0;
    for (size_t n = 0; n < table->column_count; n++) {
        if (layout->widths[n] == 0)
            continue;
        print_blanks(out, printed++ ? GAP : 0);
        print_cell(out, row->cells[n], layout->widths[n], table->columns[n].right);
    }
    fputs(bold ? PLAIN : "", out);
    char bar[BAR_SIZE(BAR_MAX)];
    if (bar_text(layout->bar > 0 ? row->bar : 0, layout->bar, terminal->utf8, bar) > 0) {
        print_blanks(out, GAP);
        const char *colour = row->best ? BEST_COLOUR : BAR_COLOUR;
        fprintf(out, "%s%s%s", terminal->colour ? colour : "", bar, terminal->colour ? PLAIN : "");
    }
    putc('\n', out);
}

void table_print(FILE *out, const struct table *table, const struct terminal *terminal)
{
    struct layout layout = lay_out(table, terminal->width);
    print_titles(out, table, &layout, terminal->colour);
    for (size_t n = 0; n < table->row_count; n++)
        print_row(out, table, &layout, &table->rows[n], terminal);
}

void table_print_text(FILE *out, const char *text, const struct terminal *terminal)
{
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        char word[256];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        size_t width = text_width(word);
        bool fits = column + 1 + width <= terminal->width;
        if (column > 0)
            putc(fits ? ' ' : '\n', out);
        fputs(word, out);
        column = column > 0 && fits ? column + 1 + width : width;
        text += length;
        text += strspn(text, " ");
    }
    putc('\n', out);
}
