/*
 * The page that --report makes: one HTML file that needs nothing else. Light and dark, readable on
 * a phone; with JavaScript it zooms and tells what is under the pointer, without it every fact is
 * there to read.
 *
 * A verb calls page_begin, then the parts in the order in which they are to stand, then page_end.
 * Every text may hold any bytes: it is escaped, and what is not UTF-8 replaced. Whether the stream
 * could be written is its owner's to ask.
 */
#ifndef TOOL_REPORT_PAGE_H
#define TOOL_REPORT_PAGE_H

#include "report/timeline.h"

#include <stdio.h>

/* `title` names the page; `lead` says in a line what was run, NULL: nothing. */
void page_begin(FILE *out, const char *title, const char *lead);
void page_end(FILE *out);

void page_heading(FILE *out, const char *text);
void page_text(FILE *out, const char *text);

/* The one thing to be read first. */
void page_verdict(FILE *out, const char *text);

/* Lines of code or of a terminal, as they are. */
void page_code(FILE *out, const char *text);

/* --- tables --- */

struct page_column {
    const char *title;
    bool number; /* aligned at the right */
    bool bar;    /* its cells hold a number from 0 to 1, which is drawn */
};

/* A table of row_count × column_count cells, row by row; `best` is the row to be seen first, or
 * SIZE_MAX. NULL for a cell: empty. */
struct page_table {
    const char *caption; /* or NULL */
    const struct page_column *columns;
    size_t column_count;
    const char *const *cells;
    size_t row_count;
    size_t best;
};

void page_table(FILE *out, const struct page_table *table);

/* --- timelines --- */

/* A timeline by itself: how many did what over the time, each worker's spans, and the sums. */
void page_timeline(FILE *out, const struct timeline *timeline);

/* Several, one below the other and all on one scale: how long each took, and what it did. */
void page_side_by_side(FILE *out, const struct timeline *const *timelines, size_t count);

/* --- curves --- */

struct page_point {
    double x;
    double y;
    double low; /* the uncertainty of y; low == high: none */
    double high;
};

struct page_series {
    const char *name;
    const struct page_point *points; /* by growing x */
    size_t count;
};

/* Curves over one x axis, and their points as a table. Both axes begin at 0. */
struct page_curves {
    const char *caption;
    const char *x_title; /* "workers" */
    const char *y_title; /* "speed-up" */
    const struct page_series *series;
    size_t count;
};

void page_curves(FILE *out, const struct page_curves *curves);

/* --- source --- */

struct page_line {
    unsigned number;
    const char *text;
    double share; /* of the whole, 0 to 1 */
    const char *note;
};

/* Lines of one file, the hot ones marked by their share. */
void page_source(FILE *out, const char *file, const struct page_line *lines, size_t count);

#endif
