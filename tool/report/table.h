/* Tables that people read: as wide as the terminal allows, with a bar at the end of each row. */
#ifndef TOOL_REPORT_TABLE_H
#define TOOL_REPORT_TABLE_H

#include "report/terminal.h"

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 10
#define TABLE_CELL_BYTES  32

struct table_column {
    const char *title; /* ASCII */
    bool right;        /* aligned */
    unsigned rank; /* where there is not room for all, the highest is left out first; 0: never */
};

struct table_row {
    char cells[TABLE_COLUMNS_MAX][TABLE_CELL_BYTES];
    double bar; /* 0 to 1 of what is left of the width */
    bool best;  /* is to be seen first */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    const struct table_row *rows;
    size_t row_count;
};

/* Prints the table as `terminal` can show it. */
void table_print(FILE *out, const struct table *table, const struct terminal *terminal);

/* Prints `text` in lines of the terminal's width, broken between words. */
void table_print_text(FILE *out, const char *text, const struct terminal *terminal);

#endif
